"""SIGKILL at every step of a snapshot, a restore and an undo: what is there afterwards is one state, never a mix."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup.errors import Busy
from backup.failpoints import ALL
from backup.restore.journal import is_between
from backup.restore.undo import finish, undo
from backup.restore.whole import restore
from tests.integration import restored_apart
from tests.integration.backed_up import House, Vault, begun, house, vault
from tests.integration.conftest import new_database

RESTORE = [name for name in ALL if name.startswith("restore.")]
UNDO = [name for name in ALL if name.startswith("undo.")]
SNAPSHOT = [name for name in ALL if name.partition(".")[0] in ("snapshot", "commit", "keyring", "upload")]
IN_SCHEMAS = ("restore.after_schema", "undo.after_schema")
"""Reached with PostgreSQL only; the others that it has in common with SQLite are tried there."""

APART = multiprocessing.get_context("forkserver")
"""Each act in a process of its own, without the seconds that a new one needs to import everything."""
APART.set_forkserver_preload(["tests.integration.restored_apart"])

State = tuple[dict[str, list[tuple[object, ...]]], bytes, list[bytes]]


@pytest.fixture
def home(tmp_path: Path, kept: Vault) -> Iterator[House]:
    """A house that has changed since its snapshot."""
    with house(tmp_path / "data") as made:
        yield changed_since_its_snapshot(begun(made), kept, tmp_path)


@pytest.fixture
def home_on_postgres(tmp_path: Path, kept: Vault, postgres: str) -> Iterator[House]:
    urls = (new_database(postgres, "template1"), new_database(postgres, "template1"))
    with house(tmp_path / "data", *urls) as made:
        yield changed_since_its_snapshot(begun(made), kept, tmp_path)


def changed_since_its_snapshot(made: House, kept: Vault, samples: Path) -> House:
    made.live_in(samples)
    kept.snapshot(made)
    made.enrol("Di", 5.0, "5")
    (made.folder / "notices.yaml").write_bytes(b"rules: [changed]\n")
    return made


def everything(made: House) -> State:
    found = (
        made.rows(),
        (made.folder / "notices.yaml").read_bytes(),
        sorted(map(made.gallery.crop, made.gallery.faces())),
    )
    made.close()
    return found


def killed(act: str, at: str, made: House, tmp_path: Path) -> bool:
    """Whether the failpoint was reached; otherwise the act has ended well."""
    urls = [engine.url.render_as_string(hide_password=False) for engine in (made.database, made.keyring_database)]
    places = [str(made.folder), str(tmp_path / "vault")]
    process = APART.Process(target=restored_apart.killed_at, args=(at, act, *places, *urls))
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def check_restore_killed(at: str, home: House, kept: Vault, tmp_path: Path) -> None:
    before = everything(home)

    assert killed("restore", at, home, tmp_path)
    between = is_between(home.folder)
    found = None if between else everything(home)
    restore(home.state, kept.repository, kept.apart)
    after = everything(home)

    assert [person[1] for person in after[0]["people"]] != [person[1] for person in before[0]["people"]]
    assert found in (None, before, after)
    undo(home.state)
    assert everything(home) in (before, after)


@pytest.mark.parametrize("at", [name for name in RESTORE if name not in IN_SCHEMAS])
def test_a_restore_that_is_killed_is_gone_on_with(at: str, home: House, kept: Vault, tmp_path: Path) -> None:
    check_restore_killed(at, home, kept, tmp_path)


@pytest.mark.parametrize("time", [1, 3, 6])
@pytest.mark.parametrize("at", ["restore.between_renames", "restore.after_rename"])
def test_whichever_rename_is_the_last_one(at: str, time: int, home: House, kept: Vault, tmp_path: Path) -> None:
    before = everything(home)

    if killed("restore", f"{at}:{time}", home, tmp_path) and is_between(home.folder):
        finish(home.state)
    after = everything(home)
    assert "Di" not in {person[1] for person in after[0]["people"]}
    undo(home.state)
    assert everything(home) == before


@pytest.mark.parametrize("at", [name for name in UNDO if name not in IN_SCHEMAS])
def test_an_undo_that_is_killed_is_gone_on_with(at: str, home: House, kept: Vault, tmp_path: Path) -> None:
    before = everything(home)
    restore(home.state, kept.repository, kept.apart)
    home.close()

    assert killed("undo", at, home, tmp_path)
    assert is_between(home.folder)
    with pytest.raises(Busy, match="a restore was killed"):
        kept.snapshot(home)
    undo(home.state)

    assert everything(home) == before


@pytest.mark.parametrize("at", SNAPSHOT)
def test_a_snapshot_that_is_killed_leaves_the_older_ones(at: str, home: House, kept: Vault, tmp_path: Path) -> None:
    present, older = everything(home), kept.repository.ids()

    assert killed("snapshot", at, home, tmp_path)
    assert kept.repository.ids()[: len(older)] == older
    taken = vault(tmp_path / "vault").snapshot(home)
    home.close()

    restore(home.state, kept.repository, kept.apart, snapshot=taken.manifest.id)
    assert everything(home) == present


@pytest.mark.parametrize("at", ["restore.after_table", "restore.before_swap", "restore.after_schema", "restore.done"])
def test_on_postgresql_too(at: str, home_on_postgres: House, kept: Vault, tmp_path: Path) -> None:
    check_restore_killed(at, home_on_postgres, kept, tmp_path)


def test_an_undo_on_postgresql_too(home_on_postgres: House, kept: Vault, tmp_path: Path) -> None:
    before = everything(home_on_postgres)
    restore(home_on_postgres.state, kept.repository, kept.apart)
    home_on_postgres.close()

    assert killed("undo", "undo.after_schema", home_on_postgres, tmp_path)
    undo(home_on_postgres.state)

    assert everything(home_on_postgres) == before
