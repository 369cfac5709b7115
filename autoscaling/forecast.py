"""How many requests are to be expected in the next minutes. Pure; the policy gets numbers from it, never calls it.

The usual week times what is unusual now (J. Weinberg, L. Brown and J. Stroud, "Bayesian Forecasting of an
Inhomogeneous Poisson Process", 2007, in its conjugate form): with Poisson counts and a gamma prior of mean 1, the
factor is (K + requests) / (K + usual requests), older ones counting for less (M. West and J. Harrison's discount).
There are two: a slow one for days that are busier or quieter, and on top of it a fast one for what has just begun. A
minute that was not recorded adds to neither sum, so a gap lets both go back towards 1.

What a schedule announces in requests a second is expected in full whatever is unusual before it, and more where more
comes than usual.

The fast factor is believed for a while only: what it adds fades with the minutes ahead. `upper` is the quantile that
is provided for, from how far days were from the usual one at this time and how sure the fast factor is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from autoscaling.history import MINUTE, Numbers
from autoscaling.history import BadHistory as BadHistory
from autoscaling.history import History as History
from autoscaling.history import minutes as per_minute
from autoscaling.profile import Profile, fit
from autoscaling.schedule import BadSchedule as BadSchedule
from autoscaling.schedule import Rush as Rush
from autoscaling.schedule import Schedule as Schedule

SLOW_MINUTES = 720.0
FAST_MINUTES = 4.0
"""After which a minute counts for 1 / e."""
SLOW_PRIOR, FAST_PRIOR = 60.0, 6.0
"""Requests' worth of belief that nothing is unusual."""
SHOCK_MINUTES = 2
"""Newest minutes that count alone when they are a surprise: so many standard deviations of a Poisson count with so much
unrest of its own."""
SURPRISE, UNREST = 3.0, 0.1
FADES_MINUTES = 60.0
LEAST_SPREAD = 0.06
COLD_SPREAD = 0.4
"""With less than a day of history, when the time of the day says nothing."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Requests per second in each bin from `start` (epoch seconds) on; `upper` is what is provided for."""

    start: float
    step_s: float
    expected: tuple[float, ...]
    upper: tuple[float, ...]
    method: str

    def peak(self, since: float, until: float) -> float:
        """The largest upper rate between two times; outside, that of the nearest bin. NaN when nothing is known."""
        if not self.upper:
            return math.nan
        last = len(self.upper) - 1
        first, end = (min(last, max(0, math.floor((at - self.start) / self.step_s))) for at in (since, until))
        return max(self.upper[first : max(first, end) + 1])


@dataclass(frozen=True, slots=True)
class Usual:
    """What the history says of any week: made once, good for a day."""

    profile: Profile | None
    schedule: Schedule


def usual(history: History, now: float, schedule: Schedule) -> Usual:
    """The part of a forecast that takes long, some 20 ms for eight weeks."""
    first, rates = per_minute(history, now)
    return Usual(fit(rates, schedule.local(np.arange(first, first + len(rates)))), schedule)


def forecast(
    history: History, now: float, horizon_s: float, schedule: Schedule, quantile: float = 0.9, week: Usual | None = None
) -> Forecast:
    """From `now` on for `horizon_s`, by minutes. Without a recorded minute it has no bins.

    `week` is what `usual` gave for this history and schedule, today.
    """
    week = week or usual(history, now, schedule)
    start = int(now // MINUTE)
    if week.profile is None:
        return Forecast(start * MINUTE, MINUTE, (), (), "none: nothing was recorded")
    first, rates = per_minute(_recent(history, now), now)
    ahead = np.arange(start, start + max(1, math.ceil(horizon_s / MINUTE) + 1))
    local = schedule.local(ahead)
    level, sureness = _factors(rates, week.profile.at(schedule.local(np.arange(first, first + len(rates)))))
    fade = np.exp(-(ahead - start) / FADES_MINUTES)
    factor = level.slow * level.fast**fade
    expected = week.profile.at(local) * factor + local.per_s * np.maximum(1.0 - factor, 0.0)
    spread = _spread(week.profile, local.minute, sureness)
    upper = expected * np.exp(NormalDist().inv_cdf(quantile) * spread)
    method = f"usual week of {week.profile.days} days, {level.slow:.2f} times of late, {level.fast:.2f} times just now"
    return Forecast(start * MINUTE, MINUTE, tuple(expected.tolist()), tuple(upper.tolist()), method)


@dataclass(frozen=True, slots=True)
class _Level:
    slow: float
    fast: float


def _factors(rates: Numbers, base: Numbers) -> tuple[_Level, float]:
    """The two factors, and the variance of the fast one's logarithm."""
    slow, _ = _factor(rates, base, SLOW_MINUTES, SLOW_PRIOR)
    fast, requests = _factor(rates, base * slow, FAST_MINUTES, FAST_PRIOR)
    if _surprising(rates[-SHOCK_MINUTES:], base[-SHOCK_MINUTES:] * slow * fast):
        fast, requests = _factor(rates, base * slow, SHOCK_MINUTES / 2, FAST_PRIOR)
    return _Level(slow, fast), 1 / requests


def _surprising(rates: Numbers, expected: Numbers) -> bool:
    """The newest minutes are neither chance nor the usual unrest: another load has begun, or ended."""
    known = np.isfinite(rates)
    came, due = float(rates[known].sum()) * MINUTE, float(expected[known].sum()) * MINUTE
    return abs(came - due) > SURPRISE * math.sqrt(due + (UNREST * due) ** 2)


def _factor(rates: Numbers, base: Numbers, lasts: float, prior: float) -> tuple[float, float]:
    weights = np.where(np.isfinite(rates), np.exp(-np.arange(len(rates), 0, -1) / lasts), 0.0) * MINUTE
    seen = prior + float(weights @ np.nan_to_num(rates))
    return seen / (prior + float(weights @ base)), seen


def _recent(history: History, now: float) -> History:
    """The part of it whose minutes still count."""
    skipped = max(0, int((now - 4 * SLOW_MINUTES * MINUTE - history.start) // history.step_s))
    if not skipped:
        return history
    return History(history.start + skipped * history.step_s, history.step_s, history.counts[skipped:])


def _spread(profile: Profile, minute: np.ndarray, variance: float) -> Numbers:
    least = LEAST_SPREAD if profile.days > 1 else COLD_SPREAD
    return np.asarray(np.sqrt(np.maximum(profile.spread[minute], least) ** 2 + variance))
