"""What is expected: of a usual week, of an unusual one, and of numbers that nobody should have recorded."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling.days import usual
from autoscaling.forecast import Forecast, History, Rush, Schedule, forecast
from autoscaling.history import Numbers

BERLIN = Schedule("Europe/Berlin")
DAY = 1440


def recorded(until: str, days: int = 28, peak: float = 10.0, schedule: Schedule = BERLIN, seed: int = 1) -> History:
    """Poisson counts by minute, of the usual week by local time, until a local moment."""
    end = int(datetime.fromisoformat(until).replace(tzinfo=ZoneInfo(schedule.zone)).timestamp() // 60)
    local = schedule.local(np.arange(end - days * DAY, end))
    counts = np.random.default_rng(seed).poisson(60 * peak * usual(local.weekday, local.minute))
    return History((end - days * DAY) * 60.0, 60.0, counts.astype(float))


def at(history: History, schedule: Schedule = BERLIN, ahead_s: float = 1800.0) -> Forecast:
    return forecast(history, history.end, ahead_s, schedule)


def true(weekday: int, hour: float, peak: float = 10.0) -> float:
    return peak * float(usual(np.array([weekday]), np.array([hour * 60]))[0])


def changed(history: History, places: slice, values: float | Numbers) -> History:
    counts = np.array(history.counts)
    counts[places] = values
    return History(history.start, history.step_s, counts)


@pytest.mark.parametrize(("moment", "weekday", "hour"), [("2026-11-24T07:30", 1, 7.5), ("2026-11-28T17:00", 5, 17.0)])
def test_the_rush_is_expected_before_it_comes(moment: str, weekday: int, hour: float) -> None:
    found = at(recorded(moment))
    assert found.expected[25] == pytest.approx(true(weekday, hour + 25 / 60), rel=0.12)
    assert found.upper[25] > found.expected[25]


def test_after_the_clocks_change_the_rush_is_expected_an_hour_later_by_utc() -> None:
    found = at(recorded("2026-10-27T07:50"))  # they went back on the 25th
    assert found.expected[10] == pytest.approx(true(1, 8.0), rel=0.15)


def test_a_holiday_in_the_schedule_is_expected_like_a_sunday() -> None:
    history = recorded("2026-12-25T07:50")
    free = Schedule(BERLIN.zone, holidays=frozenset({date(2026, 12, 25)}))
    quiet = changed(history, slice(-470, None), 60 * 0.5)
    assert at(quiet, free).expected[10] < 0.3 * at(history).expected[10]


def test_a_scheduled_rush_is_expected_that_history_does_not_know() -> None:
    rush = Rush(time(14, 0), 25, dates=frozenset({date(2026, 11, 24)}), factor=3.0, per_s=5.0)
    plain = at(recorded("2026-11-24T13:50"))
    found = at(recorded("2026-11-24T13:50"), Schedule(BERLIN.zone, (rush,)))
    assert found.expected[9] == pytest.approx(plain.expected[9])
    assert found.expected[10] == pytest.approx(3 * plain.expected[10] + 5, rel=0.05)


def test_a_scheduled_rush_is_expected_in_full_when_next_to_nothing_comes_before_it() -> None:
    rush = Rush(time(7, 35), 10, per_s=27.0)
    silent = changed(recorded("2026-11-24T07:30"), slice(-4, None), 0.0)
    found = at(silent, Schedule(BERLIN.zone, (rush,)))
    assert found.expected[2] < 1.0
    assert found.expected[6] > 27.0


def test_twice_the_usual_load_is_believed_within_minutes() -> None:
    history = recorded("2026-11-24T12:00")
    busy = changed(history, slice(-5, None), np.array(history.counts)[-5:] * 2)
    assert at(busy).expected[1] == pytest.approx(2 * at(history).expected[1], rel=0.2)


def test_one_odd_week_is_not_expected_again() -> None:
    history = recorded("2026-11-24T12:00")
    week = len(history.counts) - 7 * DAY
    odd = changed(history, slice(week, week + 30), 60 * 500.0)
    assert at(odd).expected[10] == pytest.approx(at(history).expected[10], rel=0.1)


def test_a_gap_until_now_leaves_the_usual_week() -> None:
    gap = changed(recorded("2026-11-24T07:50"), slice(-600, None), math.nan)
    assert at(gap).expected[10] == pytest.approx(true(1, 8.0), rel=0.15)


def test_one_day_of_history_gives_its_shape() -> None:
    assert at(recorded("2026-11-25T07:50", days=1)).expected[10] == pytest.approx(true(2, 8.0), rel=0.25)


def test_without_a_record_nothing_is_known() -> None:
    for counts in ([], [math.nan] * 500, [-1.0] * 500):
        found = forecast(History(0.0, 60.0, counts), 30_000.0, 600.0, Schedule())
        assert found.upper == ()
        assert math.isnan(found.peak(0, 1e9))


def test_a_constant_zero_expects_next_to_nothing() -> None:
    found = forecast(History(0.0, 60.0, [0.0] * 3000), 180_000.0, 600.0, Schedule())
    assert max(found.upper) < 0.01


def test_a_clock_that_jumps_uses_what_was_before_it() -> None:
    history = recorded("2026-11-24T12:00")
    back = forecast(history, history.end - 7 * 86400, 600, BERLIN)
    far = forecast(history, history.end + 4000 * 86400, 600, BERLIN)
    assert back.expected[0] == pytest.approx(true(1, 12.0), rel=0.2)
    assert all(0 <= rate < 20 for rate in far.expected)


def test_a_peak_outside_is_that_of_the_nearest_bin() -> None:
    found = Forecast(600.0, 60.0, (1.0, 2.0, 3.0), (2.0, 5.0, 4.0), "by hand")
    assert (found.peak(0, 100), found.peak(600, 700), found.peak(9000, 9999)) == (2.0, 5.0, 4.0)
    assert found.peak(9999, 0) == 4.0


@settings(max_examples=40)
@given(
    st.lists(st.one_of(st.floats(), st.floats(0, 1e5)), min_size=1, max_size=300),
    st.floats(-1e9, 4e9),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"]),
)
def test_whatever_was_recorded_rates_are_finite_and_the_upper_is_not_below(
    counts: list[float], now: float, zone: str
) -> None:
    found = forecast(History(1.7e9, 60.0, counts), now, 900.0, Schedule(zone))
    assert np.isfinite(found.upper).all()
    assert all(0 <= expected <= upper for expected, upper in zip(found.expected, found.upper, strict=True))
