from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge.camera import Frame
from edge.errors import KeyUnusable, SettingsInvalid, SpoolBusy, SpoolUnusable, Unusable
from edge.spool.cli import spool_app
from edge.spool.key import read_spool_key
from edge.spool.queue import Spool

FrameMaker = Callable[..., Frame]


def run(*arguments: str | Path) -> None:
    spool_app([str(each) for each in arguments], standalone_mode=False)


def rows(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def refuse_one(folder: Path, frame: Frame, **options: Any) -> None:
    with Spool(folder, **options) as spool:
        spool.refuse(spool.take(frame, 0.0), {"title": "no", "status": 422})


def test_a_spool_in_use_can_be_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str], a_frame: FrameMaker) -> None:
    frame = replace(a_frame(label="a.jpg"), face=True)
    with Spool(tmp_path) as spool:
        spool.take(frame, 0.0)
        run("list", "--spool", tmp_path, "--json")

    assert rows(capsys.readouterr().out) == [
        {
            "frame_id": frame.frame_id,
            "camera_id": "front-door",
            "captured_at": "2026-03-01T12:00:00.250000+00:00",
            "trigger": "button",
            "label": "a.jpg",
            "face": True,
            "bytes": spool.bytes,
            "encrypted": False,
        }
    ]


def test_encrypted_frames_are_listed_without_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], a_frame: FrameMaker
) -> None:
    run("key", tmp_path / "key")
    with Spool(tmp_path / "spool", key=read_spool_key(tmp_path / "key")) as spool:
        spool.take(a_frame(), 0.0)
    capsys.readouterr()
    run("list", "--spool", tmp_path / "spool", "--json")

    (row,) = rows(capsys.readouterr().out)
    assert (row["camera_id"], row["encrypted"]) == ("front-door", True)


def test_what_was_set_aside_is_shown_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], a_frame: FrameMaker
) -> None:
    refuse_one(tmp_path, frame := a_frame())
    with Spool(tmp_path) as spool:
        bad = spool.take(a_frame(), 0.0)
        bad.path.write_bytes(b"")
        assert spool.read(bad) is None
    capsys.readouterr()
    run("refused", "--spool", tmp_path, "--json")
    run("damaged", "--spool", tmp_path, "--json")

    refused, damaged = rows(capsys.readouterr().out)
    assert frame.frame_id in refused["file"]
    assert refused["reason"] == {"title": "no", "status": 422}
    assert damaged == {"file": bad.path.name, "bytes": 0, "reason": damaged["reason"]}


def test_refused_frames_go_to_the_end_of_the_queue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], a_frame: FrameMaker
) -> None:
    run("key", tmp_path / "key")
    key = read_spool_key(tmp_path / "key")
    folder, frame, other = tmp_path / "spool", a_frame(), a_frame()
    refuse_one(folder, frame, key=key)
    with Spool(folder, key=key) as spool:
        spool.take(other, 0.0)
    run("retry", "--spool", folder, "--key-file", tmp_path / "key")

    assert "1 of 1 frames wait again\n" in capsys.readouterr().out
    with Spool(folder, key=key) as spool:
        assert [spool.read(entry) for entry in spool.entries()] == [other, frame]
    assert list((folder / "refused").iterdir()) == []


def test_a_refused_file_that_is_damaged_stays_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], a_frame: FrameMaker
) -> None:
    refuse_one(tmp_path, a_frame())
    (file,) = (tmp_path / "refused").glob("*.frame")
    file.write_bytes(file.read_bytes()[:-1])
    run("retry", "--spool", tmp_path)

    told = capsys.readouterr()
    assert "0 of 1 frames wait again\n" in told.out
    assert "stays: the checksum is wrong\n" in told.err
    assert file.exists()


def test_nothing_is_retried_while_an_agent_runs(tmp_path: Path, a_frame: FrameMaker) -> None:
    refuse_one(tmp_path, a_frame())
    with Spool(tmp_path), pytest.raises(SpoolBusy, match="another agent works on the spool"):
        run("retry", "--spool", tmp_path)

    assert len(list((tmp_path / "refused").glob("*.frame"))) == 1


@pytest.mark.parametrize(("user", "command"), [(12345, "list"), (12345, "retry"), (0, "retry")])
def test_another_user_than_the_spools_is_told_which_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, a_frame: FrameMaker, user: int, command: str
) -> None:
    refuse_one(tmp_path, a_frame())
    real = Path.stat
    owned = SimpleNamespace(st_uid=54321, st_mode=real(tmp_path).st_mode)
    monkeypatch.setattr(Path, "stat", lambda path, **_: owned if path == tmp_path else real(path))
    monkeypatch.setattr("os.geteuid", lambda: user)

    with pytest.raises(SpoolUnusable, match="run this with sudo -u '#54321'"):
        run(command, "--spool", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["list"], SettingsInvalid),
        (["list", "--spool", "NOWHERE"], SpoolUnusable),
        (["retry", "--spool", "NOWHERE"], SpoolUnusable),
        (["retry", "--config", "NOWHERE"], SettingsInvalid),
        (["retry", "--spool", ".", "--key-file", "NOWHERE"], KeyUnusable),
        (["key", "."], KeyUnusable),
        (["key", "NOWHERE/key"], KeyUnusable),
    ],
)
def test_a_mistake_is_one_line_with_the_way_out_and_makes_no_folder(
    tmp_path: Path, arguments: list[str], error: type[Unusable]
) -> None:
    arguments = [each.replace("NOWHERE", str(tmp_path / "nowhere")) for each in arguments]

    with pytest.raises(error) as raised:
        run(*arguments)
    assert " ; " in str(raised.value)
    assert list(tmp_path.iterdir()) == []
