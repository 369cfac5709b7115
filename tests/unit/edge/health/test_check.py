from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.camera import Picture
from edge.errors import SpoolUnusable
from edge.health import checks
from edge.health.check import Finding, findings_of, printed
from edge.settings import EdgeSettings

SETTINGS = {
    "gateway": {"url": "http://127.0.0.1:1"},
    "cameras": [{"id": "front", "driver": "opencv"}],
    "triggers": [{"driver": "stdin"}],
}


@pytest.fixture
def told(tmp_path: Path) -> EdgeSettings:
    return EdgeSettings.model_validate({**SETTINGS, "spool": {"folder": tmp_path / "spool", "max_bytes": 1000}})


def spoken(told: EdgeSettings, monkeypatch: pytest.MonkeyPatch, **looks: object) -> list[Finding]:
    monkeypatch.setattr(checks, "LOOKS", looks)
    return list(findings_of(told))


@pytest.mark.parametrize("error", [SpoolUnusable("no disk", "buy one"), PermissionError(13, "Permission denied", "x")])
def test_a_part_that_fails_hides_no_other_one(
    told: EdgeSettings, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(_: EdgeSettings) -> list[Finding]:
        raise error

    found = spoken(told, monkeypatch, spool=broken, box=lambda _: [Finding("box", "ok", "well")])

    assert [(each.part, each.state) for each in found] == [("spool", "bad"), ("box", "ok")]
    assert found[0].way_out


def test_a_disk_that_is_full_is_a_finding_with_a_way_out(told: EdgeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    spoken(told, monkeypatch, spool=checks._disk)
    monkeypatch.setattr(checks.os, "fsync", full)
    (found,) = spoken(told, monkeypatch, spool=checks._disk)

    assert (found.state, found.way_out) == ("bad", "free some room on the disk")
    assert "No space left on device" in found.found
    assert not list(told.spool.folder.glob(".check*"))


def test_a_disk_that_works_is_told_with_its_free_room(told: EdgeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = spoken(told, monkeypatch, spool=checks._disk)

    assert [(each.part, each.state) for each in found if each.state != "look"][-1] == ("disk", "ok")
    assert "0 frames wait" in found[0].found


def test_the_status_is_1_as_soon_as_something_is_bad(capsys: pytest.CaptureFixture[str]) -> None:
    well, doubtful, bad = Finding("a", "ok", "b"), Finding("c", "look", "d", "e"), Finding("f", "bad", "g", "h")

    assert printed([well, doubtful], as_json=True) == 0
    assert printed([bad, well], as_json=True) == 1
    assert [json.loads(line)["part"] for line in capsys.readouterr().out.splitlines()] == ["a", "c", "f", "a"]


def test_a_key_that_others_may_read_is_told(told: EdgeSettings, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret")
    settings = told.model_copy(update={"gateway": told.gateway.model_copy(update={"key_file": file})})

    file.chmod(0o640)
    (open_to_all,) = checks._key(settings)
    file.chmod(0o600)

    assert (open_to_all.state, open_to_all.way_out) == ("look", f"chmod 600 {file}")
    assert list(checks._key(settings)) == []


def test_a_black_picture_is_told_from_a_dim_one() -> None:
    def seen(pixels: NDArray[np.uint8]) -> Finding:
        return checks._seen("camera", Picture(cv2.imencode(".png", pixels)[1].tobytes(), "image/png"), 5.0)

    dim = np.tile(np.arange(0, 32, dtype=np.uint8), (20, 1))

    assert seen(np.full((20, 32), 3, np.uint8)).state == "look"
    assert seen(dim).state == "ok"
    assert checks._seen("camera", Picture(b"no image", "image/jpeg"), 5.0).state == "bad"


@pytest.mark.parametrize(
    ("offset_s", "state", "told"),
    [(0.01, "ok", "within"), (3600, "look", "behind"), (-9, "look", "ahead"), (None, "look", "did not tell")],
)
def test_a_clock_that_is_off_is_told(offset_s: float | None, state: str, told: str) -> None:
    (found,) = checks._offset(offset_s)

    assert found.state == state
    assert told in found.found
