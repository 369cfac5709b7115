"""Known ways to forecast, side by side: what each would have provided, and what it would have missed.

- the last value: the mean of the last five minutes;
- seasonal naive: the same minutes a week ago (R. Hyndman and G. Athanasopoulos, "Forecasting", 3rd ed., 5.2);
- Holt-Winters, multiplicative, with a season of a week by minutes (P. Winters, 1960): level and season by exponential
  smoothing, without a trend, which two minutes ahead is nothing;
- ours: the usual week times a gamma-Poisson factor (autoscaling/forecast.py).

All see the same minutes, and all provide for the quantile at which nine of ten minutes of the week before the trace
would have been enough; ours has its own by time of the day.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autoscaling.forecast import Forecast
from autoscaling.history import MINUTE, Numbers
from autoscaling.history import minutes as per_minute
from autoscaling.policy import Scaling
from autoscaling.replay import forecaster, outlook
from autoscaling.simulate import Fleet
from benchmarks.autoscale.traces import Trace

LEADS = 8
"""Minutes ahead: until a replica on a new node answers, and when one that is ended would be wanted again."""
WEEK = 7 * 1440
QUANTILE = 0.9
LEAST = 1 / 600
ENOUGH = 0.9
"""Of the replicas' time; beyond it requests queue."""

Ahead = Callable[[Numbers], Numbers]
"""Rates by minute in, NaN where unknown; out (minutes, LEADS), of which row t knows only what was before t."""


@dataclass(frozen=True, slots=True)
class Provided:
    """One method on one trace: replica hours, the share of requests that came when they were too few, and the error."""

    method: str
    replica_hours: float
    missed_share: float
    error: float
    """Mean absolute error two minutes ahead by the mean rate."""


def last_value(rates: Numbers) -> Numbers:
    """The mean of the last five known minutes."""
    known = np.isfinite(rates)
    sums = np.convolve(np.where(known, rates, 0.0), np.ones(5))[: len(rates)]
    counts = np.convolve(known.astype(float), np.ones(5))[: len(rates)]
    means = _before(np.where(counts > 0.5, sums / np.maximum(counts, 1), np.nan))
    return np.repeat(means[:, None], LEADS, axis=1)


def seasonal_naive(rates: Numbers) -> Numbers:
    """A week ago, two weeks where nothing is known of that."""
    padded = np.concatenate([np.full(WEEK, np.nan), rates])
    found = np.lib.stride_tricks.sliding_window_view(padded, LEADS)[: len(rates)]
    older = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.full(WEEK, np.nan), padded]), LEADS)
    return np.where(np.isfinite(found), found, older[: len(rates)])


def holt_winters(rates: Numbers, alpha: float = 0.1, gamma: float = 0.3) -> Numbers:
    """From the second week on."""
    season, level = _first_week(rates), 1.0
    made = np.full((len(rates), LEADS), np.nan)
    leads = np.arange(LEADS)
    for minute in range(WEEK, len(rates)):
        made[minute] = level * season[(minute + leads) % WEEK]
        rate, place = rates[minute], minute % WEEK
        if math.isfinite(rate):
            usual = season[place]
            season[place] = max(LEAST, gamma * rate / level + (1 - gamma) * usual)
            level = max(0.01, alpha * rate / usual + (1 - alpha) * level)
    return made


METHODS: dict[str, Ahead] = {
    "last value": last_value,
    "seasonal naive": seasonal_naive,
    "Holt-Winters": holt_winters,
}


def compared(trace: Trace, fleet: Fleet, scaling: Scaling, own: list[Forecast]) -> list[Provided]:
    """Every method on one trace; `own` are our forecasts of it."""
    first, rates = per_minute(trace.recorded, trace.recorded.end)
    begun = round(trace.start / MINUTE) - first
    rows = [
        _provided(name, trace, fleet, scaling, *_with_upper(ahead(rates), rates, begun))
        for name, ahead in METHODS.items()
    ]
    expected = np.array([each.expected[:LEADS] for each in own])
    upper = np.array([each.upper[:LEADS] for each in own])
    return [*rows, _provided("usual week, factors", trace, fleet, scaling, expected, upper)]


def own_forecasts(trace: Trace) -> list[Forecast]:
    """Ours, minute by minute."""
    return outlook(forecaster(trace.recorded, trace.schedule), trace.start, len(trace.rates) // 60)


def _with_upper(ahead: Numbers, rates: Numbers, begun: int) -> tuple[Numbers, Numbers]:
    week = slice(begun - WEEK, begun - 2)
    ratios = rates[begun - WEEK + 2 : begun] / np.maximum(ahead[week, 2], LEAST)
    factor = float(np.nanquantile(ratios, QUANTILE))
    made = np.where(np.isfinite(ahead[begun:]), ahead[begun:], np.nanmean(rates))
    return made, made * max(1.0, factor)


def _provided(name: str, trace: Trace, fleet: Fleet, scaling: Scaling, expected: Numbers, upper: Numbers) -> Provided:
    true = trace.rates[: len(trace.rates) // 60 * 60].reshape(-1, 60).mean(axis=1)
    busy = upper[:, :3].max(axis=1) * fleet.service_s
    asked = np.ceil(np.maximum(busy / scaling.utilisation, busy + scaling.spare))
    replicas = np.clip(asked, fleet.minimum, fleet.maximum)[:-2]
    came = true[2:]
    short = came * fleet.service_s > ENOUGH * replicas
    missed = float((came * short).sum() / came.sum())
    error = float(np.abs(expected[:-2, 2] - came).mean() / came.mean())
    return Provided(name, float(replicas.sum()) / 60, missed, error)


def _before(values: Numbers) -> Numbers:
    """One minute later, and the last known one where there is none."""
    moved = np.concatenate([[np.nan], values[:-1]])
    place = np.maximum.accumulate(np.where(np.isfinite(moved), np.arange(len(moved)), 0))
    return np.asarray(moved[place])


def _first_week(rates: Numbers) -> Numbers:
    week = rates[:WEEK]
    known = np.isfinite(week)
    sums = np.convolve(np.where(known, week, 0.0), np.ones(7), "same")
    counts = np.convolve(known.astype(float), np.ones(7), "same")
    return np.where(counts > 0.5, np.maximum(sums / np.maximum(counts, 1), LEAST), float(np.nanmean(week)))
