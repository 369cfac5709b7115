"""The picture of a live swing: load, replicas and p99 over time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROMISE_MS = 50.0


def draw(report: Mapping[str, Any], file: Path) -> None:
    """A PNG. Raises OSError."""
    from matplotlib.figure import Figure

    series = report["series"]
    figure = Figure(figsize=(9, 7), dpi=110, layout="constrained")
    load, replicas, latency = figure.subplots(3, 1, sharex=True)
    load.step(series["seconds"], series["per_s"], where="post", label="frames/s")
    replicas.step(series["at"], series["target"], where="post", linestyle=":", label="wanted")
    replicas.step(series["at"], series["replicas"], where="post", label="run")
    replicas.step(series["seconds"], series["simulated"], where="post", linestyle="--", label="simulated")
    latency.step(series["seconds"], series["p99_ms"], where="post", label="p99 ms, by 5 s")
    latency.axhline(PROMISE_MS, color="grey", linestyle="--", label="promise")
    latency.set_yscale("log")
    latency.set_xlabel("seconds")
    for axes, name in ((load, "frames/s"), (replicas, "replicas"), (latency, "ms")):
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        axes.legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="png")
