from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from edge.cli import main


def ended(arguments: list[str]) -> object:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["rnu"],
        ["run"],
        ["run", "--config", "/nowhere/edge.yaml"],
        ["replay", "."],
        ["replay", "/nowhere", "--gateway", "http://127.0.0.1:1", "--camera", "door"],
        ["replay", "IMAGES", "--gateway", "http://127.0.0.1:1", "--camera", "a/b"],
        ["replay", "IMAGES", "--gateway", "gate", "--camera", "door"],
        ["replay", "IMAGES", "--gateway", "http://127.0.0.1:1", "--camera", "door", "--interval", "-1"],
        ["replay", "IMAGES", "--gateway", "http://127.0.0.1:1", "--camera", "door", "--key-file", "/nowhere/key"],
        ["check", "--config", "/nowhere/edge.yaml"],
        ["enroll", "--gateway", "http://127.0.0.1:1", "--code", "none", "--key-file", "/nowhere/key"],
        ["unit", "--config", "edge.yaml"],
        ["enroll", "--gateway", "http://127.0.0.1:1", "--code", "C", "--key-file", "/tmp", "--replace"],
        ["bench", "--spool", "/nowhere"],
        ["bench", "--spool", "/proc"],
        ["bench", "--seconds", "0"],
        ["spool", "list"],
        ["spool", "list", "--spool", "/nowhere/spool"],
    ],
)
def test_every_mistake_is_one_line_with_the_way_out_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setenv("DOORBELL_EDGE_KEY", "key")
    (tmp_path / "a.jpg").write_bytes(b"image")

    status = ended([str(tmp_path) if argument == "IMAGES" else argument for argument in arguments])

    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("doorbell-edge: ")
    assert " ; " in err
    assert err.count("\n") == 1


def test_a_replay_without_a_key_says_where_to_put_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DOORBELL_EDGE_KEY", raising=False)
    (tmp_path / "a.jpg").write_bytes(b"image")

    assert ended(["replay", str(tmp_path), "--gateway", "http://127.0.0.1:1", "--camera", "door"]) == 2
    assert "set DOORBELL_EDGE_KEY" in capsys.readouterr().err


def test_a_warning_is_no_part_of_what_a_command_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(["enroll", "--gateway", "http://192.0.2.1:0", "--code", "C", "--key-file", str(tmp_path)]) == 2

    main_out = capsys.readouterr().out
    structlog.get_logger().warning("spool.torn")
    out, err = capsys.readouterr()
    assert (main_out, out) == ("", "")
    assert "spool.torn" in err


def test_an_interrupt_ends_a_command_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edge.health.unit.unit", interrupted)

    assert ended(["unit"]) == 130
    assert "Traceback" not in capsys.readouterr().err
