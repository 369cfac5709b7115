from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.monitoring.budget import BadMonth, Month, spent
from cluster.monitoring.objectives import Objective
from cluster.monitoring.questions import Series

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DOORS = Objective(
    name="doors", says="", target=0.99, all="tries_total", bad="stuck_total", by=("door",), blame="rust_total",
    blame_by=("hinge",), runbook="docs/x.md",
)  # fmt: skip


class Counted:
    """Answers with what is counted for each query that begins alike, on every day the same."""

    def __init__(self, **counts: float) -> None:
        self.counts = counts

    def over(self, query: str, begin: datetime, end: datetime, step_seconds: float) -> list[Series]:
        steps = range(int((end - begin).total_seconds() // step_seconds) + 1)
        return self._series(query, [begin.timestamp() + step * step_seconds for step in steps])

    def at(self, query: str, moment: datetime) -> list[Series]:
        return self._series(query, [round(moment.timestamp(), 3)])  # as Prometheus answers

    def _series(self, query: str, moments: list[float]) -> list[Series]:
        count = next((count for name, count in self.counts.items() if name in query), None)
        label = query.split("by (")[1].split(")")[0] if "by (" in query else ""
        labels = {label: "front"} if label else {}
        return [] if count is None else [Series(labels, dict.fromkeys(moments, count))]


def test_a_month_that_lasts_ends_now_and_its_last_day_counts_as_far_as_it_went() -> None:
    month = Month.named(None, NOW)
    assert (month.name, len(month.days), month.days[-1]) == ("2026-11", 28, (datetime(2026, 11, 28, tzinfo=UTC), NOW))


def test_the_day_that_lasts_counts_whatever_the_moment() -> None:
    month = Month.named(None, NOW.replace(microsecond=123_456))
    (found,) = spent([DOORS], month, Counted(stuck_total=5, tries_total=1000))
    assert (found.events, found.bad, found.days) == (28_000, 140, 28)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2026, 11, 28)))
def test_a_month_that_is_over_is_all_of_its_days_one_after_the_other(moment: datetime) -> None:
    month = Month.named(f"{moment:%Y-%m}", datetime(2027, 1, 1, tzinfo=UTC))
    begins, ends = zip(*month.days, strict=True)
    assert list(begins[1:]) == list(ends[:-1])
    assert (begins[0], ends[-1].day) == (datetime(moment.year, moment.month, 1, tzinfo=UTC), 1)


@pytest.mark.parametrize("name", ["2026-13", "November", "2026-12"])
def test_what_is_no_month_or_has_not_begun_is_said(name: str) -> None:
    with pytest.raises(BadMonth, match=name):
        Month.named(name, NOW)


def test_half_of_the_budget_is_spent_by_half_as_many_bad_events_as_may_be() -> None:
    (found,) = spent([DOORS], Month.named("2026-10", NOW), Counted(stuck_total=5, tries_total=1000, rust_total=3))
    assert (found.events, found.bad, found.spent) == (31_000, 155, pytest.approx(0.5))
    assert found.worst == (datetime(2026, 10, 1, tzinfo=UTC), 5)
    assert [(each.labels, each.count) for each in found.by] == [({"door": "front"}, 155)]
    assert [(each.labels, each.count) for each in found.blame] == [({"hinge": "front"}, 93)]


def test_without_events_nothing_is_said_of_the_budget() -> None:
    (found,) = spent([DOORS], Month.named("2026-10", NOW), Counted())
    assert (found.spent, found.good_share, found.days, found.worst, found.by) == (None, None, 0, None, [])
    assert found.as_json()["budget_spent"] is None


def test_what_is_no_number_counts_nothing() -> None:
    (found,) = spent([DOORS], Month.named("2026-10", NOW), Counted(stuck_total=float("nan"), tries_total=10))
    assert (found.events, found.bad) == (310, 0)
