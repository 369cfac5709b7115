"""Which snapshots are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """All of the newest `within`, the newest `last`, and the newest of each of so many hours, days, weeks, months.

    Only hours, days, weeks and months (UTC) that have a snapshot count, as with restic: a system that stood still for
    a year keeps what it had.
    """

    within: timedelta = timedelta(hours=1)
    last: int = 1
    hourly: int = 24
    daily: int = 7
    weekly: int = 5
    monthly: int = 12


_PERIODS: tuple[tuple[str, Callable[[datetime], str]], ...] = (
    ("hourly", lambda moment: f"{moment:%Y-%m-%d %H}"),
    ("daily", lambda moment: f"{moment:%Y-%m-%d}"),
    ("weekly", lambda moment: f"{moment:%G-%V}"),
    ("monthly", lambda moment: f"{moment:%Y-%m}"),
)


def keep(
    snapshots: Mapping[str, datetime], policy: Policy, verified: Collection[str], now: datetime
) -> dict[str, tuple[str, ...]]:
    """The reasons for each snapshot that is kept; the others may go. Moments are UTC.

    The newest, and the newest that is verified, are always kept. What is from after `now` is as new as can be.
    """
    newest_first = sorted(snapshots, key=lambda each: (snapshots[each], each), reverse=True)
    reasons: dict[str, list[str]] = {each: [] for each in newest_first}
    for each in newest_first[:1]:
        reasons[each].append("newest")
    for each in [each for each in newest_first if each in verified][:1]:
        reasons[each].append("newest verified")
    for each in newest_first[: policy.last]:
        reasons[each].append("last")
    for each in newest_first:
        if now - snapshots[each] < policy.within:
            reasons[each].append("recent")
    for name, period in _PERIODS:
        for each in _newest_of_each(newest_first, snapshots, period)[: getattr(policy, name)]:
            reasons[each].append(name)
    return {each: tuple(why) for each, why in reasons.items() if why}


def _newest_of_each(
    newest_first: list[str], snapshots: Mapping[str, datetime], period: Callable[[datetime], str]
) -> list[str]:
    found: dict[str, str] = {}
    for each in newest_first:
        found.setdefault(period(snapshots[each]), each)
    return list(found.values())
