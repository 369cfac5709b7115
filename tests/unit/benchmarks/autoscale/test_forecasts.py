"""Known forecasts know only what was before, and know that."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.autoscale.forecasts import LEADS, METHODS, WEEK, Ahead, holt_winters, last_value, seasonal_naive

SEASON = 5 + 4 * np.sin(np.arange(WEEK) / WEEK * 14 * np.pi)


@pytest.mark.parametrize("ahead", METHODS.values(), ids=METHODS)
def test_no_method_sees_the_minute_that_it_forecasts(ahead: Ahead) -> None:
    rates = np.tile(SEASON, 3)
    changed = rates.copy()
    changed[2 * WEEK + 100 :] = 500.0
    assert ahead(rates)[2 * WEEK + 100] == pytest.approx(ahead(changed)[2 * WEEK + 100], nan_ok=True)


def test_the_last_value_is_the_mean_of_five_minutes() -> None:
    assert last_value(np.arange(10.0))[9].tolist() == [6.0] * LEADS


def test_seasonal_naive_is_a_week_ago() -> None:
    found = seasonal_naive(np.tile(SEASON, 2))
    assert found[WEEK + 50].tolist() == SEASON[50 : 50 + LEADS].tolist()
    assert np.isnan(found[50]).all()


def test_holt_winters_learns_season_and_level() -> None:
    rates = np.tile(SEASON, 3)
    rates[2 * WEEK :] *= 2
    found = holt_winters(rates)
    assert found[WEEK + 1000] == pytest.approx(SEASON[1000 : 1000 + LEADS], rel=0.05)
    assert found[2 * WEEK + 200] == pytest.approx(2 * SEASON[200 : 200 + LEADS], rel=0.1)
