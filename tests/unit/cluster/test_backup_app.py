from __future__ import annotations

from pathlib import Path

import pytest

from cluster.backup_app import Duties
from serve_apps.settings import Settings


class Told:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {}

    def set(self, name: str, value: float) -> None:
        self.numbers[name] = value

    def add(self, name: str, value: float) -> None:
        self.numbers[name] = self.numbers.get(name, 0) + value


def duties(tmp_path: Path, **settings: object) -> Duties:
    return Duties(Settings(data=tmp_path, backup_url=str(tmp_path / "snapshots"), **settings), Told())


def jobs(made: Duties) -> list[str]:
    return [job.name for job in (*made.often(), *made.copies(), *made.seldom())]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["snapshot", "tell", "prune", "drill"]),
        ({"backup_replicate_to": "/second"}, ["snapshot", "replicate", "tell", "prune", "drill"]),
        ({"backup_every_seconds": 0, "backup_replicate_to": "/second"}, ["tell", "prune", "drill"]),
        ({"backup_drill_hours": 0}, ["snapshot", "tell", "prune"]),
    ],
)
def test_the_settings_say_what_is_done(tmp_path: Path, settings: dict, expected: list[str]) -> None:
    assert jobs(duties(tmp_path, **settings)) == expected


def test_failures_are_counted(tmp_path: Path) -> None:
    made = duties(tmp_path)
    made.failed("snapshot")
    made.failed("drill")
    assert made.meter.numbers == {"backup_failures": 2}
