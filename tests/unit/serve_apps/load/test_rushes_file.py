from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from autoscaling.schedule import Schedule
from serve_apps.load.rushes_file import WatchedRushes

GOOD = """
zone: Europe/Berlin
rushes: [{at: "07:45", minutes: 45, days: [mon, tue], factor: 3}]
"""
MOMENTS = itertools.count(1)


def written(folder: Path, text: str) -> Path:
    path = folder / "rushes.yaml"
    path.write_text(text)
    os.utime(path, ns=(1, next(MOMENTS)))
    return path


def test_a_file_that_becomes_wrong_keeps_the_last_good_schedule(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, GOOD)
    watched = WatchedRushes(path)
    good = watched()
    for wrong in ("zone: nowhere", "rushes: 3", "a: [", "\x00"):
        written(tmp_path, wrong)
        assert watched() == watched() == good
        assert watched.problem is not None
        assert "\n" not in watched.problem
    assert caplog.text.count("rushes.file_wrong") == 4

    written(tmp_path, "zone: Asia/Tokyo")
    assert (watched().zone, watched.problem) == ("Asia/Tokyo", None)


def test_a_file_that_goes_away_is_reported_and_the_schedule_stays(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    watched = WatchedRushes(path)
    good = watched()
    path.unlink()

    assert watched() == good
    assert "No such file" in str(watched.problem)


def test_without_a_file_there_are_no_rushes_and_a_missing_one_is_reported(tmp_path: Path) -> None:
    nowhere = WatchedRushes(tmp_path / "none.yaml")

    assert WatchedRushes(None)() == nowhere() == Schedule()
    assert "No such file" in str(nowhere.problem)
