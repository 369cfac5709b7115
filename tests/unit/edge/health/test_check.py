from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

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
