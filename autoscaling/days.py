"""The shape of a day and a week of doorbells where nothing was recorded. Pure; made up, and to be replaced by records.

Quiet nights, a rush at eight and one at six, parcels between them; a later and flatter weekend.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autoscaling.history import Numbers
from autoscaling.schedule import DAY_MINUTES

Whole = NDArray[np.int64]


def usual(weekday: Whole, minute: Numbers | Whole) -> Numbers:
    """The share of the rush's peak, by weekday (Monday is 0) and local minute."""
    hour = minute / 60

    def hump(at: float, width: float) -> Numbers:
        return np.asarray(np.exp(-(((hour - at) / width) ** 2) / 2))

    workday = 0.02 + 0.75 * hump(8.0, 0.45) + 0.3 * hump(12.0, 2.2) + 0.9 * hump(18.0, 0.8) + 0.12 * hump(20.5, 1.2)
    weekend = 0.03 + 0.35 * hump(11.5, 1.8) + 0.4 * hump(17.5, 2.0) + 0.15 * hump(21.0, 1.5)
    return np.where(weekday >= 5, weekend, workday)


def doorbells() -> Numbers:
    """A week by minutes, of mean 1."""
    at = np.arange(7 * DAY_MINUTES)
    week = usual(at // DAY_MINUTES, at % DAY_MINUTES)
    return np.asarray(week / week.mean())


def flat() -> Numbers:
    """The same at all times."""
    return np.ones(7 * DAY_MINUTES)
