"""What is known of the future: rushes at local times, and holidays. Pure.

A season is of local time: people get up at seven by the clock of the wall, whatever summer time does to UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from autoscaling.history import Numbers

DAY_MINUTES = 1440
SUNDAY = 6
_STEP = 15
"""Minutes between two looks at a zone's offset: all changes lie on such a quarter."""

Minutes = NDArray[np.int64]


class BadSchedule(ValueError):
    """A schedule that cannot be; its text is one line."""


@dataclass(frozen=True, slots=True)
class Rush:
    """More than usual at a known time: on `days` (Monday is 0) or on `dates`, for `minutes` from `at`.

    `factor` times the usual rate, and `per_s` requests per second beside it.
    """

    at: time
    minutes: int
    days: frozenset[int] = frozenset(range(7))
    dates: frozenset[date] = frozenset()
    factor: float = 1.0
    per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rushes, and days that are like Sundays, in the local time of an IANA zone. Raises BadSchedule."""

    zone: str = "UTC"
    rushes: tuple[Rush, ...] = ()
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadSchedule(f"there is no time zone '{self.zone}'; use a name such as Europe/Berlin") from None

    def local(self, epoch_minutes: Minutes) -> Local:
        """What the wall shows at these minutes."""
        return Local.of(epoch_minutes, self)


@dataclass(frozen=True, slots=True)
class Local:
    """Days since 1970, minutes of the day, weekdays with holidays as Sundays; and what the rushes add."""

    day: Minutes
    minute: Minutes
    weekday: Minutes
    factor: Numbers
    per_s: Numbers

    @classmethod
    def of(cls, epoch_minutes: Minutes, schedule: Schedule) -> Local:
        wall = epoch_minutes + _offsets(epoch_minutes, schedule.zone)
        day, minute = wall // DAY_MINUTES, wall % DAY_MINUTES
        calendar = (day + 3) % 7  # 1970-01-01 was a Thursday
        factor, per_s = np.ones(len(wall)), np.zeros(len(wall))
        for rush in schedule.rushes:
            within = _within(rush, day, calendar, minute)
            factor = np.where(within, np.maximum(factor, rush.factor), factor)
            per_s = np.where(within, np.maximum(per_s, rush.per_s), per_s)
        days_off = np.isin(day, _days(schedule.holidays))
        return cls(day, minute, np.where(days_off, SUNDAY, calendar), factor, per_s)

    @property
    def rush(self) -> NDArray[np.bool_]:
        """Where a rush is scheduled."""
        return np.asarray((self.factor != 1.0) | (self.per_s != 0.0))


def _within(rush: Rush, day: Minutes, calendar: Minutes, minute: Minutes) -> NDArray[np.bool_]:
    """Its minutes, those after midnight too."""
    at = rush.at.hour * 60 + rush.at.minute
    found = np.zeros(len(day), dtype=bool)
    for before in range((at + rush.minutes - 1) // DAY_MINUTES + 1):
        since = minute + before * DAY_MINUTES - at
        begun = np.isin(day - before, _days(rush.dates)) | (
            np.isin((calendar - before) % 7, list(rush.days)) & (not rush.dates)
        )
        found |= begun & (since >= 0) & (since < rush.minutes)
    return found


def _days(dates: frozenset[date]) -> Sequence[int]:
    return [each.toordinal() - date(1970, 1, 1).toordinal() for each in dates]


def _offsets(epoch_minutes: Minutes, zone: str) -> Minutes:
    """Minutes that the wall is ahead of UTC."""
    if zone == "UTC" or not len(epoch_minutes):
        return np.zeros(len(epoch_minutes), dtype=np.int64)
    quarters, place = np.unique(epoch_minutes // _STEP, return_inverse=True)
    return np.array([_offset(zone, int(quarter)) for quarter in quarters], dtype=np.int64)[place]


@lru_cache(maxsize=100_000)
def _offset(zone: str, quarter: int) -> int:
    ahead = datetime.fromtimestamp(quarter * _STEP * 60, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return 0 if ahead is None else round(ahead.total_seconds() / 60)
