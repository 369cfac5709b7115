"""The usual week: requests per second by weekday and local minute, and how far days are from it. Pure.

Each weekday's profile is a trimmed mean over the weeks, so that one odd week (a flash crowd, a holiday that nobody
announced) says little, shrunk towards that of the days like it (Monday to Friday; Saturday and Sunday) and then of all
days. Weeks without a record are left out. So one day of history gives a daily profile, and a week a weekly one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autoscaling.history import Numbers
from autoscaling.schedule import DAY_MINUTES, Local

SMOOTHED = 3
"""Minutes on either side that count for a minute."""
LIKE_WEIGHT = 1.0
"""Weeks that the days of the same kind count for."""
LEAST_RATE = 1 / 600
"""A request in ten minutes: the least that is taken for usual, in requests per second."""
WEEKS = 8
"""Older than that is another life."""


@dataclass(frozen=True, slots=True)
class Profile:
    """`rates` (7, 1440) in requests per second; `spread` (1440), the standard deviation of their logarithm."""

    rates: Numbers
    spread: Numbers
    days: int

    def at(self, local: Local) -> Numbers:
        """The usual rate, with what the schedule adds."""
        return np.asarray(self.rates[local.weekday, local.minute] * local.factor + local.per_s)


def fit(rates: Numbers, local: Local) -> Profile | None:
    """From requests per second by minute, NaN where unknown; None without a known one.

    Scheduled rushes of the past are left out: the schedule says what they are.
    """
    known = np.isfinite(rates) & ~local.rush
    if not known.any():
        return None
    first, last = int(local.day[known].min()), int(local.day[known].max())
    first = max(first, last - 7 * WEEKS + 1)
    known &= local.day >= first
    grid = _grid(rates[known], local.day[known] - first, local.minute[known], last - first + 1)
    kinds = np.full(len(grid), -1)
    kinds[local.day[known] - first] = local.weekday[known]
    smooth = _smoothed(grid)
    by_day = _by_weekday(smooth, kinds)
    return Profile(np.maximum(by_day, LEAST_RATE), _spread(smooth, by_day, kinds), int((kinds >= 0).sum()))


def _grid(rates: Numbers, day: np.ndarray, minute: np.ndarray, days: int) -> Numbers:
    """Days by minutes, NaN where nothing is known; an hour that came twice is its mean."""
    place = day * DAY_MINUTES + minute
    sums = np.bincount(place, rates, days * DAY_MINUTES)
    counts = np.bincount(place, minlength=days * DAY_MINUTES)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).reshape(days, DAY_MINUTES)


def _smoothed(grid: Numbers, around: int = SMOOTHED) -> Numbers:
    """Means over the known minutes around each, across midnight too."""
    flat = grid.ravel()
    known = np.isfinite(flat)
    kernel = np.ones(2 * around + 1)
    sums = np.convolve(np.where(known, flat, 0.0), kernel, "same")
    counts = np.convolve(known.astype(float), kernel, "same")
    return np.where(counts > 0.5, sums / np.maximum(counts, 1), np.nan).reshape(grid.shape)


def _by_weekday(smooth: Numbers, kinds: np.ndarray) -> Numbers:
    everything = _filled(_trimmed(smooth), float(np.nanmean(smooth)))
    rates = np.empty((7, DAY_MINUTES))
    for days in (range(5), range(5, 7)):
        alike = _filled(_trimmed(smooth[np.isin(kinds, days)]), everything)
        for day in days:
            rows = smooth[kinds == day]
            weeks = np.isfinite(rows).sum(axis=0)
            own = _filled(_trimmed(rows), alike)
            rates[day] = (weeks * own + LIKE_WEIGHT * alike) / (weeks + LIKE_WEIGHT)
    return rates


def _trimmed(rows: Numbers) -> Numbers:
    """Means down the rows without the quarter at either end, at the least one from three rows on."""
    ordered = np.sort(rows, axis=0)  # NaN come last
    known = np.isfinite(ordered).sum(axis=0)
    cut = np.where(known >= 3, np.maximum(1, known // 4), 0)
    place = np.arange(len(rows))[:, None]
    kept = (place >= cut) & (place < known - cut)
    total = np.where(kept, np.nan_to_num(ordered), 0.0).sum(axis=0)
    return np.where(known > 0, total / np.maximum(kept.sum(axis=0), 1), np.nan)


def _spread(smooth: Numbers, by_day: Numbers, kinds: np.ndarray) -> Numbers:
    """By minute of the day, beside each day's own level and what chance does to counts."""
    usual = np.maximum(by_day[kinds], LEAST_RATE)
    usual[kinds < 0] = np.nan
    far = np.log(np.maximum(smooth, LEAST_RATE) / usual)
    far -= np.nanmedian(np.where(kinds[:, None] < 0, 0.0, np.nan_to_num(far)), axis=1, keepdims=True)
    chance = 1 / np.maximum(usual * 60 * (2 * SMOOTHED + 1), 1)
    excess = np.where(np.isfinite(far), np.minimum(far**2, 1.0) - chance, np.nan)
    by_minute = _filled(_trimmed(excess), 0.0)
    return np.asarray(np.sqrt(np.clip(_smoothed(by_minute[None, :], 10)[0], 0.0, 1.0)))


def _filled(values: Numbers, otherwise: Numbers | float) -> Numbers:
    return np.where(np.isfinite(values), values, otherwise)
