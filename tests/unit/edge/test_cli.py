from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.camera import Frame
from edge.cli import main
from edge.spool import Spool

FrameMaker = Callable[..., Frame]


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
        ["replay", "/nowhere", "--gateway", "http://gate", "--camera", "door"],
        ["replay", "IMAGES", "--gateway", "http://gate", "--camera", "a/b"],
        ["replay", "IMAGES", "--gateway", "gate", "--camera", "door"],
        ["replay", "IMAGES", "--gateway", "http://gate", "--camera", "door", "--interval", "-1"],
        ["replay", "IMAGES", "--gateway", "http://gate", "--camera", "door", "--key-file", "/nowhere/key"],
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

    assert ended(["replay", str(tmp_path), "--gateway", "http://gate", "--camera", "door"]) == 2
    assert "set DOORBELL_EDGE_KEY" in capsys.readouterr().err


def test_a_spool_in_use_can_be_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str], a_frame: FrameMaker) -> None:
    with Spool(tmp_path) as spool:
        frame = a_frame(label="a.jpg")
        spool.take(frame)
        spool.take(a_frame())
        spool.refuse(spool.oldest()[0], {"title": "no"})

        assert ended(["spool", "list", "--spool", str(tmp_path), "--json"]) == 0
        (waiting,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert ended(["spool", "refused", "--spool", str(tmp_path), "--json"]) == 0
        (refused,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert waiting["camera_id"] == "front-door"
    assert frame.frame_id in refused["file"]
    assert refused["reason"] == {"title": "no"}
