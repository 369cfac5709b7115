"""Local time, holidays and expected rushes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import numpy as np
import pytest

from autoscaling.schedule import SUNDAY, BadSchedule, Local, Rush, Schedule

BERLIN = "Europe/Berlin"


def local(moment: str, schedule: Schedule, count: int = 1) -> Local:
    first = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() // 60)
    return schedule.local(np.arange(first, first + count))


def test_eight_in_the_morning_is_eight_before_and_after_the_clocks_change() -> None:
    winter, summer = (local(day, Schedule(BERLIN)) for day in ("2026-03-28T07:00", "2026-03-29T06:00"))
    assert winter.minute[0] == summer.minute[0] == 8 * 60


def test_the_hour_that_comes_twice_is_twice_the_same_minutes() -> None:
    night = local("2026-10-25T00:00", Schedule(BERLIN), 120)
    assert night.minute[:60].tolist() == night.minute[60:].tolist()


def test_a_holiday_is_a_sunday() -> None:
    schedule = Schedule("UTC", holidays=frozenset({date(2026, 12, 25)}))
    assert local("2026-12-25T10:00", schedule).weekday[0] == SUNDAY
    assert local("2026-12-24T10:00", schedule).weekday[0] == 3


def test_a_rush_begins_and_ends_at_its_local_minutes() -> None:
    schedule = Schedule(BERLIN, (Rush(time(9, 55), 25, frozenset({0}), factor=2.0, per_s=3.0),))
    monday = local("2026-11-02T08:50", schedule, 40)
    assert np.flatnonzero(monday.rush).tolist() == list(range(5, 30))
    assert set(monday.factor[monday.rush]) == {2.0}
    assert not local("2026-11-03T08:50", schedule, 40).rush.any()


def test_a_rush_may_go_on_after_midnight() -> None:
    schedule = Schedule("UTC", (Rush(time(23, 30), 60, dates=frozenset({date(2026, 12, 31)}), factor=5.0),))
    assert np.flatnonzero(local("2026-12-31T23:00", schedule, 120).rush).tolist() == list(range(30, 90))
    assert not local("2026-12-30T23:00", schedule, 120).rush.any()


@pytest.mark.parametrize("zone", ["Europe/Berl", "", "../etc/passwd", "Mars/Olympus", "\0"])
def test_a_zone_that_there_is_not_is_one_line(zone: str) -> None:
    with pytest.raises(BadSchedule, match=r"^there is no time zone .*; use a name such as Europe/Berlin$"):
        Schedule(zone)
