"""Both graphs by whatever can run them on this machine: CPU time, and what becomes of the answers.

What is not installed or cannot run is a row with its reason.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.recall import recall
from benchmarks.runs import CannotTry, int8, openvino
from benchmarks.scenes import scenes
from benchmarks.sides import Ours, frames, photographs
from serve_apps.recognition import detect, dlib_onnx
from serve_apps.recognition.detect import Detector, DetectorLimits
from serve_apps.recognition.embed import Embedder
from serve_apps.recognition.match import MatchRules
from serve_apps.recognition.reference import FaceRecognition
from serve_apps.recognition.sessions import Run, Session
from serve_apps.recognition.weights import CannotRun

FACE_WIDTHS = (20, 26, 32)
"""Pixels of a 640-pixel frame at which detectors differ."""

BACKENDS = ("onnxruntime fp32", "onnxruntime int8", "OpenVINO fp32", "OpenVINO bf16", "onnxruntime CUDA")


@dataclass(frozen=True, slots=True)
class Row:
    """One backend with one graph; `skipped` says why there are no figures.

    For embeddings `max_abs_diff` and `max_distance` are against dlib's own, and `decisions_changed` counts the pairs
    of faces that are the same person to one and not to the other; for detection `found` is recall by face width.
    """

    graph: str
    backend: str
    skipped: str | None = None
    cpu_ms: float | None = None
    max_abs_diff: float | None = None
    max_distance: float | None = None
    decisions_changed: int | None = None
    found: dict[int, float] | None = None


@dataclass(frozen=True, slots=True)
class BackendsReport:
    """`faces` were embedded, `pairs` compared, `scenes` searched."""

    date: str
    machine: dict[str, Any]
    faces: int
    pairs: int
    scenes: int
    rows: tuple[Row, ...]


def measure(weights_folder: Path, rounds: int) -> BackendsReport:
    """Every backend with both graphs, in turn in each round. Raises WeightsError, PhotoRefused."""
    ours = Ours(weights_folder, DetectorLimits(), MatchRules())
    chips = [chip for picture in (*photographs(), *frames()) for chip in ours.chips(picture.content)]
    shown = list(scenes(ours.engine, FACE_WIDTHS))
    planes = [detect.planes(scene.pixels, DetectorLimits().long_side)[0] for scene in shown]
    embedding = runs(dlib_onnx.cached_graph(weights_folder), [chip[None] for chip in chips])
    detection = runs(detect.cached_graph(weights_folder), planes[::10])
    truth = np.stack(FaceRecognition().embed(chips))
    chip_ms = race({name: run for name, run in embedding.items() if callable(run)}, [c[None] for c in chips], rounds)
    rows = [
        Row("embedding", name, skipped=run)
        if isinstance(run, str)
        else _embedding(name, np.stack(Embedder(run)(chips)), truth, chip_ms[name])
        for name, run in embedding.items()
    ]
    plane_ms = race({name: run for name, run in detection.items() if callable(run)}, planes[::10], rounds)
    for name, run in detection.items():
        if isinstance(run, str):
            rows.append(Row("detection", name, skipped=run))
        else:
            found = recall(Detector(run), DetectorLimits().long_side, shown).found
            rows.append(Row("detection", name, cpu_ms=plane_ms[name], found=found))
    pairs = len(chips) * (len(chips) - 1) // 2
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return BackendsReport(now, machine(), len(chips), pairs, len(shown), tuple(rows))


def runs(graph: Path, samples: Sequence[NDArray[np.uint8]]) -> dict[str, Run | str]:
    """What runs the graph by backend, or why it does not; `samples` are inputs to quantise by and to try it with."""
    with tempfile.TemporaryDirectory() as folder:
        build: dict[str, Callable[[], Run]] = {
            "onnxruntime fp32": lambda: Session(graph),
            "onnxruntime int8": lambda: int8(graph, samples, Path(folder)),
            "OpenVINO fp32": lambda: openvino(graph, samples[0].shape, "f32"),
            "OpenVINO bf16": lambda: openvino(graph, samples[0].shape, "bf16"),
            "onnxruntime CUDA": lambda: Session(graph, "cuda"),
        }
        return {name: _tried(build[name], samples[0]) for name in BACKENDS}


def _tried(build: Callable[[], Run], sample: NDArray[np.uint8]) -> Run | str:
    try:
        run = build()
        run(sample)
    except (CannotRun, CannotTry) as error:
        return str(error)
    return run


def race(each: dict[str, Run], samples: Sequence[NDArray[np.uint8]], rounds: int) -> dict[str, float]:
    """Median CPU milliseconds of a run; all take turns, so that what else the machine does meets all."""
    took: dict[str, list[float]] = {name: [] for name in each}
    for _, sample in itertools.product(range(rounds), samples):
        for name, run in each.items():
            started = time.process_time()
            run(sample)
            took[name].append((time.process_time() - started) * 1000)
    return {name: median(times) for name, times in took.items()}


def _embedding(name: str, found: NDArray[np.float32], truth: NDArray[np.float32], cpu_ms: float) -> Row:
    apart = found - truth
    changed = int(np.triu(same(found) != same(truth), 1).sum())
    distance = float(np.linalg.norm(apart, axis=1).max())
    return Row("embedding", name, None, cpu_ms, float(np.abs(apart).max()), distance, changed)


def same(embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which pairs are the same person by the shipped threshold."""
    between = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2)
    return np.asarray(between <= MatchRules().threshold)


def as_json(report: BackendsReport) -> dict[str, Any]:
    """The report as `doorbell bench backends --json` prints it."""
    return asdict(report)


def table(report: BackendsReport) -> Table:
    """A row for each backend and graph."""
    names = (
        "graph",
        "backend",
        "CPU ms",
        "max abs diff",
        "max distance",
        "decisions changed",
        "found at 20, 26, 32 px",
    )
    shown = Table(*names, title="Backends, one thread, beside dlib in fp32")
    for row in report.rows:
        if row.skipped is not None:
            shown.add_row(row.graph, row.backend, "skipped")
        elif row.found is not None:
            found = " ".join(f"{share:.2f}" for share in row.found.values())
            shown.add_row(row.graph, row.backend, f"{row.cpu_ms:.1f}", "", "", "", found)
        else:
            apart = f"{row.max_abs_diff:.1e}", f"{row.max_distance:.1e}"
            shown.add_row(row.graph, row.backend, f"{row.cpu_ms:.1f}", *apart, f"{row.decisions_changed}")
    reasons = dict.fromkeys(f"{row.backend}: {row.skipped}" for row in report.rows if row.skipped is not None)
    measured = f"{report.faces} faces, {report.pairs} pairs, {report.scenes} scenes; {report.machine['processor']}"
    shown.caption = "\n".join([measured, *reasons])
    return shown
