"""Recorded load on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa

from serve_apps.database import connect
from serve_apps.load.counts import EVERYBODY, NOT_RECORDED, LoadCounts, Sixty
from serve_apps.load.facts import Facts
from serve_apps.load.forecaster import Forecaster
from serve_apps.load.history import recorded
from serve_apps.load.outlook import expected_of
from serve_apps.load.recorder import Recorder
from serve_apps.load.rushes_file import WatchedRushes
from serve_apps.load.store import DAY, FOLDED, HOUR, MINUTES_KEPT, SECONDS_KEPT, LoadStore

NOW = 1_800_000_000 - 1_800_000_000 % HOUR


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    made = connect(database)
    yield made
    made.dispose()


def minute(start: int, each: int = 1, source: str = "a", group: str = EVERYBODY) -> Sixty:
    return Sixty(start, 1, group, source, [each] * 60, [0] * 60)


def test_counts_are_read_back_and_a_minute_written_again_is_there_once(engine: sa.Engine) -> None:
    store = LoadStore(engine)
    store.write([minute(NOW), minute(NOW, source="b"), minute(NOW + 60)])
    store.write([minute(NOW, each=5)])

    found = store.rows(1, NOW, NOW + 60)

    assert [(row.source, sum(row.admitted)) for row in found] == [("a", 300), ("b", 60)]


def test_seconds_become_minutes_over_all_gateways_and_what_nobody_recorded_stays_unknown(engine: sa.Engine) -> None:
    store = LoadStore(engine)
    store.write([minute(NOW), minute(NOW, source="b"), minute(NOW + 120, each=2), minute(NOW + HOUR)])

    assert store.fold(NOW + HOUR + 60) == 1

    (hour,) = store.rows(60, 0, NOW + DAY)
    assert (hour.source, hour.admitted[:3]) == (FOLDED, [120, NOT_RECORDED, 120])


def test_what_came_late_is_in_the_minutes_too(engine: sa.Engine) -> None:
    store = LoadStore(engine)
    store.write([minute(NOW)])
    store.fold(NOW + HOUR)
    store.write([minute(NOW, source="was away")])
    store.fold(NOW + 2 * HOUR)

    (hour,) = store.rows(60, 0, NOW + DAY)
    assert hour.admitted[0] == 120


def test_seconds_stay_eight_days_and_minutes_ten_weeks(engine: sa.Engine) -> None:
    store = LoadStore(engine)
    for age in (MINUTES_KEPT + HOUR, SECONDS_KEPT + HOUR, HOUR):
        store.write([minute(NOW - age)])
        store.fold(NOW - age + HOUR)
    store.fold(NOW)

    assert [NOW - row.start for row in store.rows(1, 0, NOW)] == [HOUR]
    assert [NOW - row.start for row in store.rows(60, 0, NOW)] == [SECONDS_KEPT + HOUR, HOUR]


def test_a_week_of_one_gateway_is_small(engine: sa.Engine) -> None:
    store = LoadStore(engine)
    store.write([minute(NOW + 60 * n, each=n % 40) for n in range(24 * 60)])

    rows, size = store.size()
    assert rows == 24 * 60
    assert size < 150_000


def test_the_newest_fact_takes_the_place_of_the_last(engine: sa.Engine) -> None:
    at = datetime(2026, 11, 28, 12, tzinfo=UTC)
    facts = Facts(engine, lambda: at)
    facts.write("forecast", {"upper": [1.0]})
    facts.write("routing", {"weights": {"recognizer-blue": 100}})
    facts.write("forecast", {"upper": [2.0]})

    assert facts.read() == {
        "forecast": (at, {"upper": [2.0]}),
        "routing": (at, {"weights": {"recognizer-blue": 100}}),
    }


def test_a_recorder_on_a_database_without_tables_loses_nothing(tmp_path: object) -> None:
    engine = connect(f"sqlite:///{tmp_path}/new.db")
    counts = LoadCounts(clock=lambda: NOW)
    recorder = Recorder(counts, LoadStore(engine).write, Facts(engine, lambda: datetime.now(UTC)).write)
    counts.note("front")
    recorder.round()

    from serve_apps.database import migrate

    migrate(engine)
    recorder.round()

    (row,) = LoadStore(engine).rows(1, NOW, NOW + 60)
    assert sum(row.admitted) == 1
    engine.dispose()


def test_the_forecast_is_made_of_what_was_recorded_with_gaps_as_gaps(engine: sa.Engine) -> None:
    store = LoadStore(engine)
    for n in (0, 1, 59, 60, 62):
        store.write([minute(NOW + 60 * n), minute(NOW + 60 * n, group="front-*", each=2)])
    for now in (NOW + 63 * 60, NOW + 2 * HOUR + 60):
        store.fold(now)
        history = recorded(store, now)
        known = {n: count for n, count in enumerate(history.counts) if not np.isnan(count)}
        assert (history.start, known) == (NOW, dict.fromkeys((0, 1, 59, 60, 62), 180.0))
    assert np.nansum(recorded(store, now, "front-*").counts) == 5 * 120


@pytest.mark.parametrize("counts", [[], [0] * 300, [60] * 300])
def test_a_forecast_is_written_whatever_was_recorded(engine: sa.Engine, counts: list[int]) -> None:
    store, facts = LoadStore(engine), Facts(engine, lambda: datetime.fromtimestamp(NOW, UTC))
    store.write([minute(NOW - 60 * (len(counts) - n), each=each // 60) for n, each in enumerate(counts)])
    routing = {"weights": {"recognizer-blue": 100}}
    facts.write("routing", routing)

    Forecaster(store, facts, WatchedRushes(None), lambda: NOW).round()

    rates = expected_of(facts.read(), "recognizer-blue", NOW)
    assert bool(rates) == bool(counts)
    assert all(0 <= rate < 10 for rate in rates.values())
    if counts and counts[0]:
        assert rates["expected_within_60_s"] >= 0.9


def test_a_clock_that_jumped_years_ahead_and_back_spoils_no_forecast(engine: sa.Engine) -> None:
    store, facts = LoadStore(engine), Facts(engine, lambda: datetime.fromtimestamp(NOW, UTC))
    store.write([minute(NOW - 60 * n) for n in range(1, 200)] + [minute(NOW + 400 * DAY)])
    ahead = Forecaster(store, facts, WatchedRushes(None), lambda: NOW)

    made = ahead.round()

    assert len(made.upper) < 200
    assert 0.5 < made.peak(NOW, NOW + 600) < 3
