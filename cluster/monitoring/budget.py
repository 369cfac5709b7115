"""How much of each error budget a month has spent, by day and by what; asked of Prometheus."""

from __future__ import annotations

import calendar
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from cluster.monitoring.objectives import Objective
from cluster.monitoring.questions import Series

DAY = timedelta(days=1)
NAMED = 5
"""So many of what spent most are named."""


class Asked(Protocol):
    """Prometheus, or a stand-in."""

    def over(self, query: str, begin: datetime, end: datetime, step_seconds: float) -> list[Series]:
        """What a query gives at each step, both ends included."""

    def at(self, query: str, moment: datetime) -> list[Series]:
        """What a query gives at one moment."""


class BadMonth(Exception):
    """No month, or one that has not begun."""


@dataclass(frozen=True, slots=True)
class Month:
    """From its first moment to its end, or to now while it lasts; UTC."""

    name: str
    begin: datetime
    end: datetime

    @classmethod
    def named(cls, name: str | None, now: datetime) -> Month:
        """`YYYY-MM`, or the present one. Raises BadMonth."""
        try:
            begin = datetime.strptime(name, "%Y-%m").replace(tzinfo=UTC) if name else _first(now)
        except ValueError:
            raise BadMonth(f"'{name}' is no month; give it as 2026-11") from None
        if begin > now:
            raise BadMonth(f"{name} has not begun")
        days = calendar.monthrange(begin.year, begin.month)[1]
        # Prometheus answers in milliseconds: a value at a finer moment would not be found again.
        return cls(f"{begin:%Y-%m}", begin, min(begin + days * DAY, now.replace(microsecond=0)))

    @property
    def days(self) -> list[tuple[datetime, datetime]]:
        """Each day of it, the last one as far as it went."""
        count = math.ceil((self.end - self.begin) / DAY)
        return [(self.begin + n * DAY, min(self.begin + (n + 1) * DAY, self.end)) for n in range(count)]


@dataclass(frozen=True, slots=True)
class Spender:
    """What spent a part of the budget: labels, and so many bad events (or seconds, errors: what `blame` counts)."""

    labels: dict[str, str]
    count: float


@dataclass(frozen=True, slots=True)
class Spent:
    """An objective in a month. `spent` is 1 when all of the budget is gone; None without events, like `good_share`.

    `days` counts days with events, `worst` is the one with the most bad events.
    """

    objective: Objective
    events: float
    bad: float
    days: int
    worst: tuple[datetime, float] | None
    by: list[Spender]
    blame: list[Spender]

    @property
    def good_share(self) -> float | None:
        """Of all events."""
        return 1 - self.bad / self.events if self.events else None

    @property
    def spent(self) -> float | None:
        """Share of the budget."""
        return self.bad / (self.events * self.objective.budget) if self.events else None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.objective.name,
            "says": self.objective.says,
            "target": self.objective.target,
            "events": round(self.events, 1),
            "bad": round(self.bad, 1),
            "good_share": self.good_share and round(self.good_share, 6),
            "budget_spent": None if self.spent is None else round(self.spent, 4),
            "days_with_events": self.days,
            "worst_day": self.worst and {"day": f"{self.worst[0]:%Y-%m-%d}", "bad": round(self.worst[1], 1)},
            "by": [{**each.labels, "bad": round(each.count, 1)} for each in self.by],
            "blame": [{**each.labels, "count": round(each.count, 1)} for each in self.blame],
        }


def spent(objectives: Iterable[Objective], month: Month, asked: Asked) -> list[Spent]:
    """Raises NoPrometheus."""
    return [_spent(objective, month, asked) for objective in objectives]


def _spent(objective: Objective, month: Month, asked: Asked) -> Spent:
    # Day by day: over a whole month a counter has more samples than Prometheus reads at once.
    events = by_day(objective.count_all("increase", "{span}"), month, asked)
    bad = by_day(objective.count_bad("increase", "{span}"), month, asked)
    worst = max(bad.items(), key=lambda each: each[1], default=None)
    return Spent(
        objective,
        sum(events.values()),
        sum(bad.values()),
        sum(count > 0 for count in events.values()),
        worst if worst and worst[1] > 0 else None,
        spenders(objective.count_bad("increase", "{span}", objective.by), month, asked) if objective.by else [],
        spenders(_blamed(objective), month, asked) if objective.blame else [],
    )


def by_day(query: str, month: Month, asked: Asked) -> dict[datetime, float]:
    """The query's number for each day, `{span}` in it standing for the day's length."""
    found: dict[datetime, float] = {}
    for begin, end, series in _answers(query, month, asked):
        found[begin] = found.get(begin, 0.0) + sum(_number(each, end) for each in series)
    return found


def spenders(query: str, month: Month, asked: Asked) -> list[Spender]:
    """The label sets that have most of it over the month, those with nothing left out."""
    counts: dict[tuple[tuple[str, str], ...], float] = {}
    for _, end, series in _answers(query, month, asked):
        for each in series:
            key = tuple(sorted(each.labels.items()))
            counts[key] = counts.get(key, 0.0) + _number(each, end)
    largest = sorted(counts.items(), key=lambda each: -each[1])[:NAMED]
    return [Spender(dict(labels), count) for labels, count in largest if count > 0]


def _answers(query: str, month: Month, asked: Asked) -> list[tuple[datetime, datetime, Sequence[Series]]]:
    whole = [(begin, end) for begin, end in month.days if end - begin == DAY]
    asked_day = query.replace("{span}", "1d")
    series = asked.over(asked_day, whole[0][1], whole[-1][1], DAY.total_seconds()) if whole else []
    found: list[tuple[datetime, datetime, Sequence[Series]]] = [(begin, end, series) for begin, end in whole]
    for begin, end in month.days[len(whole) :]:
        seconds = max(1, round((end - begin).total_seconds()))
        found.append((begin, end, asked.at(query.replace("{span}", f"{seconds}s"), end)))
    return found


def _blamed(objective: Objective) -> str:
    return f"sum by ({', '.join(objective.blame_by)}) (increase({objective.blame}[{{span}}]))"


def _number(series: Series, at: datetime) -> float:
    """The value at a moment; what is no number, as 0 by 0, counts nothing."""
    value = series.values.get(at.timestamp(), 0.0)
    return value if math.isfinite(value) else 0.0


def _first(now: datetime) -> datetime:
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
