"""How many faces are found, by the detector's width and the face's, and how many could be recognized at all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks.machine import machine
from benchmarks.scenes import Scene, lies_on, scenes
from benchmarks.sides import enrolled
from serve_apps.recognition import detect
from serve_apps.recognition.detect import Detector, DetectorLimits
from serve_apps.recognition.engine import YunetDlib
from serve_apps.recognition.match import Candidates, MatchRules, accepted, nearest
from serve_apps.recognition.sessions import Session

FACE_WIDTHS = (20, 26, 32, 40, 56, 80)
LONG_SIDES = (256, 320, 384, 480, 640)


@dataclass(frozen=True, slots=True)
class Recall:
    """At one width of the detector: the share of faces found, by the face's width, and CPU milliseconds a frame."""

    long_side: int
    found: dict[int, float]
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class RecallReport:
    """`recognized`: by the face's width, the share of enrolled persons' faces that are matched to the right person."""

    date: str
    machine: dict[str, Any]
    scenes: int
    recall: tuple[Recall, ...]
    recognized: dict[int, float]


def measure(
    weights_folder: Path, long_sides: Sequence[int] = LONG_SIDES, widths: tuple[int, ...] = FACE_WIDTHS
) -> RecallReport:
    """Raises WeightsError, PhotoRefused."""
    engine = YunetDlib(weights_folder)
    shown = list(scenes(engine, widths))
    session = Session(detect.cached_graph(weights_folder))
    rows = [recall(Detector(session, DetectorLimits(long_side=side)), side, shown) for side in long_sides]
    return RecallReport(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine(),
        scenes=len(shown),
        recall=tuple(rows),
        recognized=recognized(weights_folder, shown, max(long_sides)),
    )


def recall(detector: Detector, long_side: int, shown: Sequence[Scene]) -> Recall:
    """The share of faces that this detector finds."""
    hits: dict[int, list[bool]] = {}
    took = []
    for scene in shown:
        started = time.process_time()
        found = detector(scene.pixels)
        took.append(time.process_time() - started)
        hits.setdefault(scene.width, []).append(any(lies_on(face.box, scene.face) for face in found))
    return Recall(long_side, {width: sum(each) / len(each) for width, each in hits.items()}, median(took) * 1000)


def recognized(weights_folder: Path, shown: Sequence[Scene], long_side: int) -> dict[int, float]:
    """Detection as wide as it gets, so that only what is left of the face decides."""
    engine = YunetDlib(weights_folder, DetectorLimits(long_side=long_side))
    gallery = enrolled(engine)
    hits: dict[int, list[bool]] = {}
    for scene in shown:
        if scene.person is not None:
            hits.setdefault(scene.width, []).append(_is_known(engine, gallery, scene))
    return {width: sum(each) / len(each) for width, each in hits.items()}


def _is_known(engine: YunetDlib, gallery: Candidates, scene: Scene) -> bool:
    faces = [face for face in engine.faces(scene.pixels) if lies_on(face.box, scene.face)]
    best = nearest(faces[0].embedding, gallery, 1)[0] if faces else None
    return best is not None and accepted(best, MatchRules()) and best.person_id == scene.person


def as_json(report: RecallReport) -> dict[str, Any]:
    """The report as `doorbell bench recall --json` prints it."""
    return asdict(report)


def table(report: RecallReport) -> Table:
    """A row for each width of the detector, a column for each of the face."""
    widths = list(report.recognized)
    shown = Table("longer side", *(f"{width} px" for width in widths), "CPU ms", title="Faces found, by their width")
    for row in report.recall:
        shares = (f"{row.found[width]:.2f}" for width in widths)
        shown.add_row(str(row.long_side), *shares, f"{row.cpu_ms:.1f}")
    shown.add_section()
    shown.add_row("recognized", *(f"{report.recognized[width]:.2f}" for width in widths), "")
    shown.caption = f"{report.scenes} frames of 640x480, bright and at 35 %; {report.machine['processor']}"
    return shown
