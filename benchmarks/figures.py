"""One side's figures, from the distances of all pairs.

A picture without a face that is found counts against the side that did not find it. Verification accuracy takes each
pair of such a picture as an error; the curve takes it as a pair that no threshold accepts, as NIST does, so that a
genuine one is lost and an impostor is kept out. `detected_only` leaves these pairs out instead; `detected_by_both`
leaves out those of either side, so that both sides are scored on the same pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import verification
from benchmarks.pairs import Pairs
from benchmarks.verification import Distances, Labels, Roc
from serve_apps.faces import Embedding

RATES = {"1e-2": 1e-2, "1e-3": 1e-3}


@dataclass(frozen=True, slots=True)
class Seen:
    """The most prominent face's embedding in a picture, None without a face, and how many faces there were."""

    embedding: Embedding | None
    faces: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What one side reaches; a figure that the pairs cannot show is None, and `not_given` says why.

    `accuracy` is the share of right answers where each fold is answered with the threshold that is best on the others;
    `standard_error` is that of its mean over the folds. `threshold` is the best on all pairs: what to set, and nothing
    that is scored here. `tar` and `far_threshold` are by the false accept rate.
    """

    pairs: int
    accuracy: float | None
    accuracy_interval_95: tuple[float, float] | None
    standard_error: float | None
    auc: float | None
    tar: dict[str, float | None]
    far_threshold: dict[str, float | None]
    threshold: float | None
    not_given: dict[str, str]


@dataclass(frozen=True, slots=True)
class SideReport:
    """One side: `failures_to_detect` and `several_faces` count pictures, `pairs_lost` the pairs of the former.

    `accuracy_as_shipped` is with the threshold that it is used with, which was not chosen on these pairs.
    """

    figures: Figures
    detected_only: Figures
    detected_by_both: Figures
    failures_to_detect: int
    pairs_lost: int
    several_faces: int
    threshold_as_shipped: float
    accuracy_as_shipped: float
    curve: Roc


def side_report(
    seen: Mapping[Path, Seen], other: Mapping[Path, Seen], pairs: Pairs, folds: NDArray[np.intp] | None, shipped: float
) -> SideReport:
    """One side's figures beside what the `other` side saw; `shipped` is the threshold that it is used with."""
    distances = np.array([distance(seen[pair.first], seen[pair.second]) for pair in pairs.pairs])
    same = np.array([pair.same for pair in pairs.pairs])
    found = np.isfinite(distances)
    by_other = [other[pair.first].faces > 0 and other[pair.second].faces > 0 for pair in pairs.pairs]
    by_both = found & np.array(by_other)

    def only(kept: Labels) -> Figures:
        return figures(distances[kept], same[kept], None if folds is None else folds[kept])

    return SideReport(
        figures=figures(distances, same, folds),
        detected_only=only(found),
        detected_by_both=only(by_both),
        failures_to_detect=sum(one.embedding is None for one in seen.values()),
        pairs_lost=int((~found).sum()),
        several_faces=sum(one.faces > 1 for one in seen.values()),
        threshold_as_shipped=shipped,
        accuracy_as_shipped=float(verification.accepted_rightly(distances, same, shipped).mean()),
        curve=verification.roc(distances, same),
    )


def distance(first: Seen, second: Seen) -> float:
    """Euclidean, between the embeddings; infinity where one of the pictures has no face."""
    if first.embedding is None or second.embedding is None:
        return float("inf")
    return float(np.linalg.norm(first.embedding.astype(np.float64) - second.embedding))


def figures(distances: Distances, same: Labels, folds: NDArray[np.intp] | None) -> Figures:
    """All figures of these pairs."""
    genuine, impostor, compared = int(same.sum()), int((~same).sum()), bool(np.isfinite(distances).any())
    if not (genuine and impostor and compared):
        return _nothing(len(same), "no pair of each kind is left that can be compared")
    why: dict[str, str] = {}
    rights = _scored(distances, same, folds)
    if rights is None:
        why["accuracy"] = "a threshold must be chosen on other pairs than it is scored on: two of each kind are needed"
    curve = verification.roc(distances, same)
    points = {name: verification.at_false_accept(curve, rate, impostor) for name, rate in RATES.items()}
    for name in [name for name, point in points.items() if point is None]:
        why[f"tar_at_far_{name}"] = (
            f"{1 / RATES[name]:.0f} impostor pairs are needed; of {impostor} one alone is a rate of {1 / impostor:.2g}"
        )
    return Figures(
        pairs=len(same),
        accuracy=_share(rights) if rights else None,
        accuracy_interval_95=_interval(rights) if rights else None,
        standard_error=verification.standard_error([float(right.mean()) for right in rights]) if rights else None,
        auc=verification.area(distances, same),
        tar={name: point.true_accept if point else None for name, point in points.items()},
        far_threshold={
            name: point.threshold if point and np.isfinite(point.threshold) else None for name, point in points.items()
        },
        threshold=verification.best_threshold(distances, same),
        not_given=why,
    )


def _scored(distances: Distances, same: Labels, folds: NDArray[np.intp] | None) -> list[Labels] | None:
    """The right answers by fold; None unless every fold has others with a pair that can be compared."""
    if folds is None or len(np.unique(folds[np.isfinite(distances)])) < 2:
        return None
    return verification.cross_validated(distances, same, folds)


def _share(rights: list[Labels]) -> float:
    return float(np.concatenate(rights).mean())


def _interval(rights: list[Labels]) -> tuple[float, float]:
    every = np.concatenate(rights)
    return verification.wilson(float(every.sum()), len(every))


def _nothing(pairs: int, why: str) -> Figures:
    nothing: dict[str, float | None] = dict.fromkeys(RATES)
    reasons = dict.fromkeys(["accuracy", "auc", "threshold", *(f"tar_at_far_{name}" for name in RATES)], why)
    return Figures(pairs, None, None, None, None, nothing, nothing, None, reasons)
