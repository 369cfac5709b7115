"""Our engine beside face_recognition with its defaults: one process, one thread, the same pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.sides import Answer, Ours, Pass, Picture, Reference, Side, frames, photographs
from serve_apps.recognition.decode import decode
from serve_apps.recognition.detect import DetectorLimits
from serve_apps.recognition.match import MatchRules

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Timing:
    """Medians over the rounds for one picture, in milliseconds; the first round warms up and does not count."""

    name: str
    kind: str
    width: int
    height: int
    ours_faces: int
    reference_faces: int
    ours_ms: float
    reference_ms: float
    ours_stages_ms: dict[str, float]
    reference_stages_ms: dict[str, float]

    @property
    def ratio(self) -> float:
        """How many times as long the reference takes."""
        return self.reference_ms / self.ours_ms


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What each side says of a frame."""

    name: str
    ours: Answer
    reference: Answer


@dataclass(frozen=True, slots=True)
class EngineReport:
    """What was measured. A side's `cpu_share` is CPU time by wall time: 1 when it kept to one thread."""

    date: str
    machine: dict[str, Any]
    threads: dict[str, str]
    cpu_share: dict[str, float]
    rounds: int
    detect_long_side: int
    timings: tuple[Timing, ...]
    embedding_max_abs_diff: float
    chips: int
    verdicts: tuple[Verdicts, ...]

    @property
    def differing(self) -> list[str]:
        """Frames of which the two sides do not say the same."""
        return [frame.name for frame in self.verdicts if frame.ours != frame.reference]

    def speedup(self, kind: str) -> float | None:
        """The median of the ratios over the pictures of a kind; None when there is none."""
        ratios = [timing.ratio for timing in self.timings if timing.kind == kind]
        return median(ratios) if ratios else None


def measure(
    weights_folder: Path,
    rounds: int,
    pictures: Sequence[Picture] | None = None,
    rules: MatchRules = MatchRules(),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> EngineReport:
    """Both sides on every picture, `rounds` times; about ten seconds a round with all of them.

    `rules` are ours; the reference always decides by the shipped ones. `progress` hears of every picture.
    Raises WeightsError, PhotoRefused, and ValueError without a round or a face to compare.
    """
    if rounds < 1:
        raise ValueError("at least one round is needed")
    chosen = [*photographs(), *frames()] if pictures is None else list(pictures)
    threads, limits = one_thread(), DetectorLimits()
    ours, reference = Ours(weights_folder, limits, rules), Reference(MatchRules())
    passes = race(ours, reference, chosen, rounds, progress)
    difference, chips = embedding_difference(ours, reference, chosen)
    return EngineReport(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine(),
        threads=threads,
        cpu_share={"ours": _cpu_share(passes, 0), "reference": _cpu_share(passes, 1)},
        rounds=rounds,
        detect_long_side=limits.long_side,
        timings=tuple(_timing(picture, pairs) for picture, pairs in zip(chosen, passes, strict=True)),
        embedding_max_abs_diff=difference,
        chips=chips,
        verdicts=tuple(Verdicts(f.name, ours.answer(f.content), reference.answer(f.content)) for f in frames()),
    )


def race(
    ours: Side, reference: Side, pictures: list[Picture], rounds: int, progress: Callable[[int, int], None]
) -> list[list[tuple[Pass, Pass]]]:
    """For each picture a pair of passes a round: side by side, so that what else the machine does meets both."""
    passes: list[list[tuple[Pass, Pass]]] = [[] for _ in pictures]
    total = (rounds + 1) * len(pictures)
    for number in range(rounds + 1):
        for index, picture in enumerate(pictures):
            pair = ours.timed(picture.content), reference.timed(picture.content)
            if number > 0:
                passes[index].append(pair)
            progress(number * len(pictures) + index + 1, total)
    return passes


def embedding_difference(ours: Ours, reference: Reference, pictures: list[Picture]) -> tuple[float, int]:
    """The largest difference between our graph's embeddings and dlib's own on the photographs' chips; their number.

    Raises ValueError when no photograph has a face: there is nothing to compare then.
    """
    chips = [chip for picture in pictures if picture.kind == "photograph" for chip in ours.chips(picture.content)]
    if not chips:
        raise ValueError("no photograph has a face, so there are no embeddings to compare")
    apart = np.abs(np.stack(ours.engine.embed(chips)) - np.stack(reference.engine.embed(chips)))
    return float(apart.max()), len(chips)


def one_thread() -> dict[str, str]:
    """Keep OpenCV to one thread and say what is in force; `cpu_share` proves it.

    The engine gives its onnxruntime sessions one thread each, and dlib has none of its own. The variables are read
    when a library is loaded, so they are reported and not set here.
    """
    cv2.setNumThreads(1)
    in_force = {name: os.environ.get(name, "unset") for name in THREAD_VARIABLES}
    return {"cv2": str(cv2.getNumThreads()), "onnxruntime": "intra-op 1, inter-op 1", **in_force}


def as_json(report: EngineReport) -> dict[str, Any]:
    """The report as `doorbell bench engine --json` prints it; `speedup` is that of the photographs."""
    fields = asdict(report)
    timings = fields.pop("timings")
    for row, timing in zip(timings, report.timings, strict=True):
        row["ratio"] = timing.ratio
    return {
        "speedup": report.speedup("photograph"),
        "speedup_frames": report.speedup("frame"),
        "speedup_is": "median over the photographs (speedup_frames: over the 640x480 frames) of reference_ms / ours_ms",
        "same_verdicts": not report.differing,
        "differing_verdicts": report.differing,
        "photographs": [timing.name for timing in report.timings if timing.kind == "photograph"],
        "frames": timings,
        **fields,
    }


def table(report: EngineReport) -> Table:
    """The report for people."""
    agree = "yes" if not report.differing else f"no: {', '.join(report.differing)}"
    shown = Table("picture", "kind", "size", "ours ms", "reference ms", "times", title="Engine, one thread")
    for timing in report.timings:
        size = f"{timing.width}x{timing.height}"
        took = f"{timing.ours_ms:.1f}", f"{timing.reference_ms:.1f}", f"{timing.ratio:.1f}"
        shown.add_row(timing.name, timing.kind, size, *took)
    medians = [f"{kind}s {value:.1f}" for kind in ("photograph", "frame") if (value := report.speedup(kind))]
    shown.caption = (
        f"times as fast, median: {', '.join(medians)} · same verdicts: {agree} · "
        f"embeddings differ by {report.embedding_max_abs_diff:.1e} at most ({report.chips} faces) · "
        f"{report.machine['processor']}, {report.rounds} rounds"
    )
    return shown


def _timing(picture: Picture, pairs: list[tuple[Pass, Pass]]) -> Timing:
    height, width = decode(picture.content).shape[:2]
    ours, reference = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return Timing(
        name=picture.name,
        kind=picture.kind,
        width=width,
        height=height,
        ours_faces=ours[0].faces,
        reference_faces=reference[0].faces,
        ours_ms=median(once.wall_ms for once in ours),
        reference_ms=median(once.wall_ms for once in reference),
        ours_stages_ms=_stages(ours),
        reference_stages_ms=_stages(reference),
    )


def _stages(passes: list[Pass]) -> dict[str, float]:
    return {stage: median(once.stages_ms[stage] for once in passes) for stage in passes[0].stages_ms}


def _cpu_share(passes: list[list[tuple[Pass, Pass]]], side: int) -> float:
    taken = [pair[side] for pairs in passes for pair in pairs]
    return sum(once.cpu_ms for once in taken) / sum(once.wall_ms for once in taken)
