"""The curve as a picture: true accept against false accept, the latter on a logarithmic axis as is usual for faces."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np

from benchmarks.pairs import AccuracyError
from benchmarks.verification import Roc

mpl.use("Agg")


def check_place(file: Path) -> None:
    """Raises AccuracyError when no picture can be written there."""
    if file.suffix.lower() != ".png":
        raise AccuracyError(f"{file}: the curve is written as a PNG; give a name that ends in .png")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise AccuracyError(f"{file}: this file cannot be written; give another one with --plot")


def write(file: Path, curves: Mapping[str, Roc], impostor_pairs: int, title: str) -> None:
    """A PNG of 1200 x 900 pixels; a false accept rate of 0 stands at half of the smallest that the pairs can show."""
    from matplotlib.figure import Figure

    zero = 0.5 / impostor_pairs
    drawn = Figure(figsize=(8, 6), dpi=150, layout="constrained")
    axes = drawn.add_subplot()
    for place, (name, curve) in enumerate(curves.items()):
        far = np.maximum(curve.false_accept, zero)
        line, width = ("--", 1.6) if place else ("-", 2.4)
        steps = [*far, 1.0], [*curve.true_accept, curve.true_accept[-1]]
        axes.step(*steps, where="post", label=name, linestyle=line, linewidth=width)
    axes.set_xscale("log")
    axes.set_xlim(zero, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(f"false accept rate ({impostor_pairs} pairs of two persons; one is {1 / impostor_pairs:.2g})")
    axes.set_ylabel("true accept rate")
    axes.set_title(title)
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend(loc="lower right")
    drawn.savefig(file)
