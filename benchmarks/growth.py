"""What a series says about growth: a robust line through it, and what is held more at its end than at its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

Z_95 = 1.96
ENDS = 10
"""The first and the last tenth of a series are its ends."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Of a line, per unit of x, with its interval of 95 %, as if the samples were independent of each other."""

    value: float
    low: float
    high: float


def theil_sen(x: Sequence[float], y: Sequence[float]) -> Slope:
    """The median slope of all pairs of points, which a few outliers do not move.

    Theil (1950) and Sen (1968); the interval is Sen's, by the variance of Kendall's statistic. Raises ValueError
    without two points at different x.
    """
    across, along = np.asarray(x, float), np.asarray(y, float)
    first, second = np.triu_indices(len(across), 1)
    apart = across[second] - across[first]
    slopes = np.sort((along[second] - along[first])[apart != 0] / apart[apart != 0])
    if not len(slopes):
        raise ValueError("a slope needs two points at different x")
    count = len(across)
    half_width = Z_95 * sqrt(count * (count - 1) * (2 * count + 5) / 18) / 2
    middle, last = (len(slopes) - 1) / 2, len(slopes) - 1
    low, high = max(0, round(middle - half_width)), min(last, round(middle + half_width))
    return Slope(float(np.median(slopes)), float(slopes[low]), float(slopes[high]))


def ends(y: Sequence[float]) -> tuple[float, float]:
    """The medians of the first and of the last tenth of a series, at least one point each."""
    width = max(1, len(y) // ENDS)
    return float(np.median(y[:width])), float(np.median(y[-width:]))


def growth(x: Sequence[float], y: Sequence[float]) -> float:
    """How much y grew from the first x to the last, by whichever says more: the line's rise, or the ends' difference.

    A median slope does not see a single step, and the ends do not see a slope that a drop at the end hides.
    """
    first, last = ends(y)
    return max(theil_sen(x, y).value * (x[-1] - x[0]), last - first)
