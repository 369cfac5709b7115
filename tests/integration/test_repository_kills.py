"""A power cut at every step: whatever was committed stays whole, and the next run goes on from what is there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from backup import slots
from backup.failpoints import VARIABLE
from backup.passphrase import Passphrase
from backup.prune import Grace, prune
from backup.replicate import replicate
from backup.repository import Repository
from backup.retention import Policy
from backup.targets.folder import FolderTarget
from backup.verify import verify
from tests.made_snapshots import NOW, passphrase_in, rows_of, take

ROOT = Path(__file__).parents[2]
OLD = {"events": {str(number): [[str(number), "old"]] for number in range(12)}}
NEW = {"events": {str(number): [[str(number), "old" if number % 2 else "new"]] for number in range(12)}}
LAST = Policy(timedelta(0), 1, 0, 0, 0, 0)
AT_ONCE = Grace(timedelta(0), timedelta(0))
Act = Callable[[Path], None]


def snapshot(folder: Path) -> None:
    take(opened(folder), NEW)


def pruned(folder: Path) -> None:
    """Twice: what the first condemns, the second sweeps."""
    for _ in range(2):
        prune(opened(folder), LAST, NOW, AT_ONCE)


def replicated(folder: Path) -> None:
    replicate(opened(folder), FolderTarget(folder / "second"), NOW)


def rotated(folder: Path) -> None:
    slots.rotate(FolderTarget(folder / "target"), keys(folder))


ACTS: dict[str, Act] = {
    **{"upload": snapshot, "commit": snapshot},
    **{"prune": pruned, "replicate": replicated, "rotate": rotated},
}
POINTS = [
    *("upload.before_put", "upload.after_put", "upload.before_put:4", "upload.after_put:6"),
    *("commit.before_put", "commit.after_put"),
    *("prune.after_remove", "prune.before_condemn", "prune.after_condemn"),
    *("prune.after_sweep", "prune.after_sweep:5", "prune.after_mark_removed"),
    *("replicate.after_chunk", "replicate.after_chunk:9", "replicate.before_manifest", "replicate.after_manifest"),
    *("rotate.after_slot", "rotate.after_slot:2"),
]


def keys(folder: Path) -> list[Passphrase]:
    return [Passphrase(folder / name) for name in ("passphrase", "paper")]


def opened(folder: Path) -> Repository:
    return Repository.open(FolderTarget(folder / "target"), *keys(folder))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a repository of two keys, which are cheap to open, and an old snapshot."""
    monkeypatch.setattr("backup.passphrase.COST", 2**4)
    passphrase_in(tmp_path / "passphrase")
    paper = passphrase_in(tmp_path / "paper", "what lies in the safe")
    repository = Repository.create(FolderTarget(tmp_path / "target"), Passphrase(tmp_path / "passphrase"), NOW)
    slots.add(repository.target, repository.secrets, paper, NOW)
    take(repository, OLD)
    return tmp_path


@pytest.mark.parametrize("point", POINTS)
def test_after_a_kill_everything_committed_is_whole_and_the_next_run_ends_it(folder: Path, point: str) -> None:
    act = ACTS[point.partition(".")[0]]
    if act is pruned:
        take(opened(folder), NEW)
    before = opened(folder).ids()

    assert killed(folder, act, point) == -9

    all_whole(folder / "target", keys(folder)[:1], before if act is not pruned else before[-1:])
    all_whole(folder / "target", keys(folder)[1:], [])
    if act is replicated and (folder / "second" / "snapshots").exists():
        all_whole(folder / "second", keys(folder), [])
    act(folder)
    all_whole(folder / "target", keys(folder), before if act is not pruned else before[-1:])
    ended(folder, act)


def killed(folder: Path, act: Act, point: str) -> int:
    """The status of a process that does this and reaches the failpoint."""
    act_there = f"kills.{act.__name__}(kills.Path({str(folder)!r}))"
    code = f"from tests.integration import test_repository_kills as kills; {act_there}"
    environment = os.environ | {VARIABLE: point, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, timeout=60).returncode


def all_whole(place: Path, with_keys: list[Passphrase], there: list[str]) -> None:
    repository = Repository.open(FolderTarget(place), *with_keys)
    assert set(there) <= set(repository.ids())
    assert verify(repository).damaged == ()
    for each in repository.ids():
        assert rows_of(repository, repository.manifest(each)) in (OLD, NEW)


def ended(folder: Path, act: Act) -> None:
    """Nothing is left of what the killed one had begun."""
    repository = opened(folder)
    if act is snapshot:
        assert rows_of(repository, repository.latest()) == NEW
    if act is pruned:
        needed = {chunk for each in repository.ranges(repository.latest().collections[0]) for chunk in each.chunks}
        assert {chunk for chunk, _ in repository.chunks()} == needed | set(repository.latest().collections[0].pages)
        assert [each.name for each in repository.target.list() if each.name.startswith(("holds/", "condemned/"))] == []
    if act is replicated:
        there = Repository.open(FolderTarget(folder / "second"), *keys(folder))
        assert there.ids() == repository.ids()
    if act is rotated:
        assert len({slot.generation for slot in slots.read(repository.target)}) == 1
