"""Verification accuracy of our engine beside face_recognition with its defaults, on the same pairs of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Table

from benchmarks import verification
from benchmarks.figures import RATES, Figures, SideReport, side_report
from benchmarks.machine import machine
from benchmarks.pairs import Pairs
from benchmarks.seen import Progress, look
from benchmarks.sides import TOLERANCE
from benchmarks.verification import Labels

FOLDS = 10
SEED = 20_261_123


@dataclass(frozen=True, slots=True)
class AccuracyReport:
    """What was measured."""

    date: str
    machine: dict[str, Any]
    pairs: Pairs
    folds: str
    ours: SideReport
    reference: SideReport

    @property
    def genuine(self) -> int:
        """How many pairs show one person."""
        return sum(pair.same for pair in self.pairs.pairs)


def measure(
    pairs: Pairs,
    weights_folder: Path,
    long_side: int,
    threshold: float,
    progress: Progress = lambda done, total: None,
) -> AccuracyReport:
    """Both sides on all pairs; `long_side` and `threshold` are ours. Raises AccuracyError, WeightsError."""
    seen = look(pairs, weights_folder, long_side, progress)
    same = np.array([pair.same for pair in pairs.pairs])
    folds, rule = folds_of(pairs, same)

    ours = {path: both.ours for path, both in seen.items()}
    reference = {path: both.reference for path, both in seen.items()}
    return AccuracyReport(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine(),
        pairs=pairs,
        folds=rule,
        ours=side_report(ours, reference, pairs, folds, threshold),
        reference=side_report(reference, ours, pairs, folds, TOLERANCE),
    )


def folds_of(pairs: Pairs, same: Labels) -> tuple[NDArray[np.intp] | None, str]:
    """The fold of each pair and the rule behind it; None where there are too few pairs for two folds."""
    if pairs.folds is not None:
        return np.array(pairs.folds, np.intp), f"the {max(pairs.folds) + 1} folds of the list"
    folds = verification.stratified_folds(same, FOLDS, SEED)
    if folds is None:
        return None, "none: there are too few pairs"
    return folds, f"{folds.max() + 1} folds, drawn at random with a fixed seed, each with its share of both kinds"


def as_json(report: AccuracyReport) -> dict[str, Any]:
    """The report as `doorbell bench accuracy --json` prints it."""
    pairs = report.pairs
    return {
        "ours": _side_json(report.ours),
        "reference": _side_json(report.reference),
        "pairs": len(pairs.pairs),
        "genuine_pairs": report.genuine,
        "impostor_pairs": len(pairs.pairs) - report.genuine,
        "repeated_pairs_left_out": pairs.repeated,
        "pictures": len(pairs.pictures),
        "source": {"kind": pairs.source, "place": pairs.place},
        "folds": report.folds,
        "rules": RULES,
        "date": report.date,
        "machine": report.machine,
    }


RULES = {
    "accuracy": "each fold answered with the threshold that is best on the other folds; the interval is Wilson's and "
    "takes the pairs as independent, which pairs that share a picture or a person are not",
    "threshold": "the best on all pairs, in the middle of the widest gap; accuracy is not measured with it",
    "as_shipped": "the threshold of the release that is packed where there is none, and face_recognition's tolerance",
    "failures_to_detect": "pictures without a face found: each of their pairs is an error in accuracy, and accepted by "
    "no threshold in the curve; detected_only leaves these pairs out, detected_by_both those of either side",
    "several_faces": "the largest face counts, unless it stands far from the middle (area - 2 x squared distance)",
}


def _side_json(side: SideReport) -> dict[str, Any]:
    parts = {"detected_only": side.detected_only, "detected_by_both": side.detected_by_both}
    rest = {name: value for name, value in asdict(side).items() if name not in ("figures", "curve", *parts)}
    return {**_figures_json(side.figures), **rest, **{name: _figures_json(part) for name, part in parts.items()}}


def _figures_json(shown: Figures) -> dict[str, Any]:
    fields = asdict(shown)
    tar, thresholds = fields.pop("tar"), fields.pop("far_threshold")
    fields |= {f"tar_at_far_{name}": value for name, value in tar.items()}
    return fields | {f"threshold_at_far_{name}": value for name, value in thresholds.items()}


def table(report: AccuracyReport) -> Table:
    """The report for people."""
    impostors = len(report.pairs.pairs) - report.genuine
    title = f"Verification: {report.genuine} pairs of one person, {impostors} of two"
    shown = Table("", "ours", "face_recognition", title=title)
    ours, reference = report.ours, report.reference
    for name, of in ROWS:
        shown.add_row(name, of(ours), of(reference))
    lost = f"failures count as errors: {ours.pairs_lost} pairs of ours, {reference.pairs_lost} of face_recognition's"
    reasons = {**ours.figures.not_given, **reference.figures.not_given}
    why = [f"{name}: {escape(reason)}" for name, reason in reasons.items()]
    shown.caption = "\n".join([f"folds: {report.folds}", lost, *why, report.machine["processor"]])
    return shown


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _accuracy(shown: Figures) -> str:
    if shown.accuracy is None or shown.accuracy_interval_95 is None:
        return "-"
    low, high = shown.accuracy_interval_95
    return f"{shown.accuracy:.4f} ({low:.3f} to {high:.3f})"


ROWS: tuple[tuple[str, Callable[[SideReport], str]], ...] = (
    ("accuracy (95 %)", lambda side: _accuracy(side.figures)),
    ("accuracy as shipped", lambda side: f"{side.accuracy_as_shipped:.4f} at {side.threshold_as_shipped:g}"),
    ("ROC area", lambda side: _number(side.figures.auc)),
    *((f"true accept at FAR {name}", lambda side, of=name: _number(side.figures.tar[of])) for name in RATES),
    ("best threshold", lambda side: _number(side.figures.threshold)),
    ("failures to detect", lambda side: str(side.failures_to_detect)),
    ("detected only: accuracy", lambda side: _accuracy(side.detected_only)),
    ("both detected: accuracy", lambda side: _accuracy(side.detected_by_both)),
    ("both detected: ROC area", lambda side: _number(side.detected_by_both.auc)),
)
