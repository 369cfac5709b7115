"""The mathematics of face verification: one face against another, the same person or not.

Everything works on distances (the smaller, the more alike) of genuine pairs (the same person) and impostor pairs (two
persons). A distance of infinity is a pair that cannot be compared: no threshold accepts it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054
"""The normal distribution's quantile for a two-sided interval of 95 %."""

Distances = NDArray[np.float64]
Labels = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Roc:
    """A step for each distinct distance, in ascending order: what a threshold of that distance accepts.

    `false_accept` and `true_accept` are shares of the impostor and of the genuine pairs.
    """

    thresholds: Distances
    false_accept: Distances
    true_accept: Distances


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The loosest threshold that keeps a false accept rate, and what it then truly accepts."""

    threshold: float
    false_accept: float
    true_accept: float


def roc(distances: Distances, same: Labels) -> Roc:
    """The curve from (0, 0) on, which a threshold below every distance gives. Raises ValueError without both kinds."""
    genuine, impostor = _both(distances, same)
    finite = np.unique(distances[np.isfinite(distances)])
    thresholds = np.concatenate([[-np.inf], finite])
    return Roc(
        thresholds,
        np.searchsorted(impostor, thresholds, "right") / len(impostor),
        np.searchsorted(genuine, thresholds, "right") / len(genuine),
    )


def area(distances: Distances, same: Labels) -> float:
    """The area under the curve: the probability that a genuine pair is nearer than an impostor pair, ties half.

    This is Mann and Whitney's U divided by the number of comparisons. Raises ValueError without both kinds.
    """
    genuine, impostor = _both(distances, same)
    nearer = len(impostor) - np.searchsorted(impostor, genuine, "right")
    tied = np.searchsorted(impostor, genuine, "right") - np.searchsorted(impostor, genuine, "left")
    return float((nearer + tied / 2).mean() / len(impostor))


def at_false_accept(curve: Roc, rate: float, impostor_pairs: int) -> OperatingPoint | None:
    """The operating point for a false accept rate; None where so few impostor pairs cannot show such a rate.

    One pair of n is a rate of 1/n, so that with fewer than 1/`rate` of them the answer would be that of rate 0.
    """
    if impostor_pairs * rate < 1 - 1e-9:
        return None
    last = int(np.searchsorted(curve.false_accept, rate + 1e-12, "right")) - 1
    return OperatingPoint(
        float(curve.thresholds[last]), float(curve.false_accept[last]), float(curve.true_accept[last])
    )


def best_threshold(distances: Distances, same: Labels) -> float:
    """The threshold with the most right answers, in the middle between two distances; of equals, in the widest gap.

    Raises ValueError where no distance is finite.
    """
    finite = np.isfinite(distances)
    values, place = np.unique(distances[finite], return_inverse=True)
    if not len(values):
        raise ValueError("no pair can be compared, so there is no threshold")
    gained = np.bincount(place, np.where(same[finite], 1, -1), len(values))
    right = np.concatenate([[0.0], np.cumsum(gained)])  # beside what a threshold below every distance gets right
    edges = np.concatenate([[values[0]], values, [values[-1]]])
    gaps = np.diff(edges)
    best = np.flatnonzero(right == right.max())
    cut = int(best[np.argmax(gaps[best])])
    if cut == 0:
        return float(np.nextafter(values[0], -np.inf))
    return float((edges[cut] + edges[cut + 1]) / 2)


def accepted_rightly(distances: Distances, same: Labels, threshold: float) -> Labels:
    """Whether each pair is answered rightly; one that cannot be compared never is."""
    right: Labels = np.isfinite(distances) & ((distances <= threshold) == same)
    return right


def stratified_folds(same: Labels, most: int, seed: int) -> NDArray[np.intp] | None:
    """A fold for each pair, the genuine and the impostor pairs spread evenly, at random by `seed`.

    There are `most` folds, or as many as the rarer kind has pairs; None when that is one, since the threshold for a
    fold is chosen on the others and needs both kinds there.
    """
    count = min(most, int(same.sum()), int((~same).sum()))
    if count < 2:
        return None
    folds = np.empty(len(same), np.intp)
    random = np.random.default_rng(seed)
    for kind in (same, ~same):
        places = random.permutation(np.flatnonzero(kind))
        folds[places] = np.arange(len(places)) % count
    return folds


def cross_validated(distances: Distances, same: Labels, folds: NDArray[np.intp]) -> list[Labels]:
    """For each fold whether its pairs are answered rightly, by the threshold that is best on all other folds.

    Raises ValueError where the other folds of one have no pair that can be compared.
    """
    return [
        accepted_rightly(distances[held], same[held], best_threshold(distances[~held], same[~held]))
        for held in (folds == fold for fold in np.unique(folds))
    ]


def wilson(errors: float, trials: float) -> tuple[float, float]:
    """The 95 % interval of a rate, after Wilson; (0, 1) without a trial.

    It stays honest at zero errors, where the rule of three says at most 3/n and this 3.84/(n + 3.84).
    """
    if trials <= 0:
        return 0.0, 1.0
    rate, square = errors / trials, Z_95**2
    centre = (rate + square / (2 * trials)) / (1 + square / trials)
    half = Z_95 * math.sqrt(rate * (1 - rate) / trials + square / (4 * trials**2)) / (1 + square / trials)
    low = 0.0 if errors == 0 else max(0.0, centre - half)
    return low, 1.0 if errors == trials else min(1.0, centre + half)


def standard_error(shares: list[float]) -> float | None:
    """Of the mean of these shares, as LFW reports it; None with fewer than two."""
    if len(shares) < 2:
        return None
    return float(np.std(shares, ddof=1) / math.sqrt(len(shares)))


def _both(distances: Distances, same: Labels) -> tuple[Distances, Distances]:
    genuine, impostor = np.sort(distances[same]), np.sort(distances[~same])
    if not len(genuine) or not len(impostor):
        raise ValueError("both genuine and impostor pairs are needed")
    return genuine, impostor
