"""The schedule of expected rushes as an operator writes it."""

from __future__ import annotations

from datetime import date, time

import pytest

from autoscaling.schedule import BadSchedule, Rush
from autoscaling.schedule_file import parsed

GOOD = """
zone: Europe/Berlin
holidays: [2026-12-25]
rushes:
  - {at: "09:55", minutes: 25, days: [mon, fri], per_s: 20}
  - {at: "17:00", minutes: 240, dates: [2026-10-31], factor: 3}
"""


def test_a_good_file_is_a_schedule() -> None:
    schedule = parsed(GOOD)
    assert schedule.holidays == {date(2026, 12, 25)}
    assert schedule.rushes[0] == Rush(time(9, 55), 25, frozenset({0, 4}), per_s=20.0)
    assert schedule.rushes[1].dates == {date(2026, 10, 31)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("zone: Europe/Berl", "there is no time zone 'Europe/Berl'; use a name such as Europe/Berlin"),
        ("rushes: []", "schedule, zone: Field required"),
        ("zone: UTC\nhollidays: []", "schedule, hollidays: Extra inputs are not permitted"),
        ('zone: UTC\nrushes: [{at: "09:00", minutes: 5}]', "schedule, rushes.0: give a factor or per_s"),
        (
            "zone: UTC\nrushes: [{at: 10:55, minutes: 5}]",
            'schedule, rushes.0.at: write the time in quotes, such as "09:55"',
        ),
        (
            'zone: UTC\nrushes: [{at: "09:00", minutes: 5, per_s: .nan}]',
            "schedule, rushes.0.per_s: Input should be a finite number",
        ),
        ("", "schedule, the file: Input should be a valid dictionary or instance of ScheduleKeys"),
    ],
)
def test_a_bad_file_is_one_line(text: str, said: str) -> None:
    with pytest.raises(BadSchedule) as error:
        parsed(text)
    assert str(error.value) == said


def test_what_is_no_yaml_is_one_line() -> None:
    with pytest.raises(BadSchedule, match=r"^schedule is no YAML: [^\n]*$"):
        parsed("zone: [")
