"""What a series says about growth: a robust line through it, and how far it rose above an earlier level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

Z_95 = 1.96
TENTHS = 10


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


def tenths(y: Sequence[float]) -> list[float]:
    """The medians of the tenths of a series, or its values when it has fewer than ten."""
    return [float(np.median(part)) for part in np.array_split(np.asarray(y, float), min(TENTHS, len(y)))]


def growth(x: Sequence[float], y: Sequence[float]) -> float:
    """How much y grew from the first x to the last, by whichever says more: the line, or the tenths.

    The line's rise does not see a single step. The tenths' is the largest from one to a later one, so that memory
    which is given back in between hides none that is not. Raises ValueError as `theil_sen` does.
    """
    levels = tenths(y)
    rises = [later - earlier for at, earlier in enumerate(levels) for later in levels[at + 1 :]]
    return max(theil_sen(x, y).value * (x[-1] - x[0]), *rises)
