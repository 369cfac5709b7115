"""Recorded load, however it was recorded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling.history import BadHistory, History, minutes


def test_seconds_become_rates_by_minute() -> None:
    first, rates = minutes(History(60.0, 1.0, [2.0] * 60 + [4.0] * 60), now=180.0)
    assert (first, rates.tolist()) == (1, [2.0, 4.0])


def test_a_minute_that_is_not_over_is_left_out() -> None:
    _, rates = minutes(History(0.0, 60.0, [60.0, 120.0, 600.0]), now=125.0)
    assert rates.tolist() == [1.0, 2.0]


def test_what_is_negative_infinite_or_no_number_was_not_recorded() -> None:
    _, rates = minutes(History(0.0, 60.0, [-1.0, np.inf, np.nan, 60.0]), now=1e6)
    assert np.isnan(rates[:3]).all()
    assert rates[3] == 1.0


def test_half_a_recorded_minute_is_enough_and_less_is_not() -> None:
    half = [2.0] * 30 + [np.nan] * 30
    _, rates = minutes(History(0.0, 1.0, half + [2.0] * 29 + [np.nan] * 31), now=120.0)
    assert rates[0] == 2.0
    assert np.isnan(rates[1])


def test_a_history_may_begin_within_a_minute() -> None:
    first, rates = minutes(History(90.0, 30.0, [30.0, 60.0, 60.0]), now=1e6)
    assert (first, rates.tolist()) == (1, [1.0, 2.0])


@pytest.mark.parametrize(("start", "step"), [(0.0, 7.0), (0.0, 120.0), (0.0, 0.0), (np.nan, 60.0), (0.0, np.nan)])
def test_bins_that_are_no_part_of_a_minute_are_refused(start: float, step: float) -> None:
    with pytest.raises(BadHistory):
        History(start, step, [1.0])


@given(st.lists(st.floats(), max_size=200), st.floats(-1e9, 1e9), st.floats(-1e9, 2e9))
def test_no_counts_and_no_clock_make_it_raise(counts: list[float], start: float, now: float) -> None:
    _, rates = minutes(History(start, 60.0, counts), now)
    assert (rates[np.isfinite(rates)] >= 0).all()
