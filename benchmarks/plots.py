"""The figures of RESULTS.md as pictures: PNGs without a display."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Report = Mapping[str, Any]
SHOWN = 8
"""Processes with a colour of their own; the rest is one."""


def throughput(report: Report, figure: Figure) -> bool:
    """Requests/s and latency against cameras, with the floor."""
    runs = report.get("runs") or []
    cameras = [run["cameras"] for run in runs]
    left, right = figure.subplots(1, 2)
    left.plot(cameras, [run["requests_per_second"] for run in runs], marker="o", label="service")
    if floor := (report.get("floor") or {}).get("frames_per_second"):
        left.axhline(floor, color="grey", linestyle="--", label="bare engine")
    _axes(left, "cameras", "requests/s", cameras)
    left.set_ylim(bottom=0)
    for name in ("p50_ms", "p99_ms"):
        right.plot(cameras, [run[name] for run in runs], marker="o", label=name.removesuffix("_ms"))
    right.set_yscale("log")
    _axes(right, "cameras", "ms", cameras)
    return bool(runs)


def cpu(report: Report, figure: Figure) -> bool:
    """CPU a frame by process, run by run, with the floor."""
    runs = [run for run in report.get("runs") or [] if run.get("cpu_ms_per_frame")]
    if not runs:
        return False
    axes = figure.subplots()
    names = list(runs[-1]["cpu_ms_per_frame"])
    shown, rest = names[:SHOWN], "all others"
    places, bottom = list(range(len(runs))), [0.0] * len(runs)
    for name in [*shown, rest]:
        heights = [_taken(run["cpu_ms_per_frame"], name, shown) for run in runs]
        axes.bar(places, heights, bottom=bottom, label=name)
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    if floor := (report.get("floor") or {}).get("cpu_seconds_per_frame"):
        axes.axhline(floor * 1000, color="black", linestyle="--", label="bare engine")
    axes.set_xticks(places, [str(run["cameras"]) for run in runs])
    axes.set_xlabel("cameras")
    axes.set_ylabel("CPU ms a frame")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return True


def peers(report: Report, figure: Figure) -> bool:
    """Frames by CPU second, ours among the peers."""
    found = report.get("peers") or []
    ours = next((run for run in report.get("runs") or [] if run.get("cameras") == report.get("peers_cameras")), None)
    if not found or ours is None:
        return False
    axes = figure.subplots()
    names = ["this service", *(peer["name"] for peer in found)]
    bars = axes.barh(names, [1 / ours["cpu_seconds_per_frame"], *(peer["frames_per_cpu_second"] for peer in found)])
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.invert_yaxis()
    axes.set_xlabel("frames by CPU second")
    return True


def gallery(report: Report, figure: Figure) -> bool:
    """Search p99 and memory against size."""
    sizes = report.get("sizes") or []
    embeddings = [size["embeddings"] for size in sizes]
    for axes, name, unit in zip(figure.subplots(1, 2), ("p99_ms", "resident_mb"), ("ms", "MB"), strict=True):
        axes.plot(embeddings, [size.get(name) for size in sizes], marker="o", label=name.rpartition("_")[0])
        axes.set_xscale("log")
        axes.set_yscale("log")
        _axes(axes, "embeddings", unit)
    return bool(sizes)


def soak(report: Report, figure: Figure) -> bool:
    """Each process's memory against frames."""
    series = [each for each in report.get("samples") or [] if each.get("frames") and each.get("resident_mb")]
    series.sort(key=lambda each: -max(each["resident_mb"]))
    axes = figure.subplots()
    for each in series[:SHOWN]:
        axes.plot(each["frames"], each["resident_mb"], label=each.get("name"))
    if series:
        axes.set_ylim(bottom=0)
        _axes(axes, "frames", "MB")
    return bool(series)


PLOTS: dict[str, list[tuple[str, str, Callable[[Report, Figure], bool]]]] = {
    "service": [
        ("Throughput and latency against cameras", "throughput", throughput),
        ("CPU a frame by process", "cpu", cpu),
        ("Frames by CPU second beside peers", "peers", peers),
    ],
    "gallery": [("Search and memory against size", "gallery", gallery)],
    "soak": [("Memory against frames", "soak", soak)],
}
"""By measurement: title, file name, and what draws it; False when there is nothing to draw."""


def draw(name: str, report: Report, folder: Path) -> list[tuple[str, Path]]:
    """Title and file of each picture of a measurement."""
    from matplotlib.figure import Figure

    drawn = []
    for title, stem, plot in PLOTS.get(name, []):
        figure = Figure(figsize=(9, 4), dpi=110, layout="constrained")
        try:
            worth_it = plot(report, figure)
        except (KeyError, TypeError):  # of another version: without what this picture shows
            continue
        if worth_it:
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(folder / f"{stem}.png")
            drawn.append((title, folder / f"{stem}.png"))
    return drawn


def _taken(cpu_ms: Mapping[str, float], name: str, shown: list[str]) -> float:
    if name in shown:
        return cpu_ms.get(name, 0.0)
    return sum(value for other, value in cpu_ms.items() if other not in shown)


def _axes(axes: Axes, across: str, along: str, ticks: list[int] | None = None) -> None:
    if ticks:
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlabel(across)
    axes.set_ylabel(along)
    axes.grid(alpha=0.3)
    axes.legend()
