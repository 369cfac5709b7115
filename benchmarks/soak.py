"""`doorbell bench soak`: what every process of a cluster holds against the frames that it was posted, then a burst.

A fifth of all frames is warm-up and does not count: caches and pools fill, and the allocator finds its size. A process
that starts later has the same warm-up of its own, and is never taken for the one it replaces.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from benchmarks import cameras, overload
from benchmarks.cameras import Answer
from benchmarks.growth import growth, tenths, theil_sen
from benchmarks.machine import machine
from benchmarks.overload import Overload
from benchmarks.processes import Holding, Life, Watch
from benchmarks.run import frames as sample_frames

MOST_MB = 5.0
"""Of growth, in any process after its warm-up."""

MOST_MORE = 16
"""Open files or threads, by which a process may end above its beginning: pools fill and empty."""

WARM_UP_SHARE = 0.2
SAMPLES = 150
LEAST_SAMPLES = 3
"""With fewer after its warm-up nothing is said of a process's growth."""

RESIDENT_IS = "what only this process holds and has written (Private_Dirty and its swap), in MB of 10^6 bytes"


@dataclass(frozen=True, slots=True)
class Ends:
    """Medians of the first and of the last tenth of the samples after the warm-up."""

    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Grown:
    """A process over the frames `from_frame` to `to_frame`, the end of its own warm-up and its last sample.

    `ended`: it was gone before the last frame. The interval of the slope is of 95 %.
    """

    name: str
    pid: int
    growth_mb: float
    slope_kb_per_1000_frames: float
    slope_interval: tuple[float, float]
    resident_mb: Ends
    rss_mb: Ends
    open_files: Ends
    threads: Ends
    from_frame: int
    to_frame: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Brief:
    """A process that was not there for long enough to be judged."""

    name: str
    pid: int
    first_frame: int
    last_frame: int
    resident_mb: float


@dataclass
class Soak:
    """What was measured so far: whole when `frames` were answered and the burst is over, or as far as it came."""

    frames_wanted: int
    cameras: int
    watch: Watch
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    overload: Overload | None = None

    @property
    def warm_up(self) -> int:
        """Frames before those that count."""
        return warm_up_of(self.frames_wanted)

    @property
    def posted(self) -> int:
        """Frames that were answered, warm-up and errors included."""
        return self.statuses.total()

    def hear(self, answer: Answer) -> None:
        """Count an answer."""
        self.statuses[answer.status] += 1


def warm_up_of(frames: int) -> int:
    """Frames to post before so many, so that they are WARM_UP_SHARE of all."""
    return round(frames * WARM_UP_SHARE / (1 - WARM_UP_SHARE))


def run(
    address: tuple[str, str],
    soak: Soak,
    overload_seconds: float,
    stop: threading.Event,
    progress: Callable[[int], None] = lambda posted: None,
) -> None:
    """Post the frames, sample the processes, then the burst; `soak` has what came of it also when `stop` is set."""
    images = sample_frames()
    _post(address, images, soak, stop, progress)
    if overload_seconds > 0 and not stop.is_set():
        soak.overload = overload.burst(address, images, overload_seconds, stop)


def _post(
    address: tuple[str, str],
    images: Sequence[bytes],
    soak: Soak,
    stop: threading.Event,
    progress: Callable[[int], None],
) -> None:
    total = soak.warm_up + soak.frames_wanted
    tickets = count(1)  # one step of it is atomic
    soak.began = time.monotonic()
    threads = cameras.start(
        address, images, soak.cameras, lambda: not stop.is_set() and next(tickets) <= total, soak.hear
    )
    due = 0
    while any(thread.is_alive() for thread in threads):
        if soak.posted >= due:
            due = soak.posted + total // SAMPLES + 1
            soak.watch.sample(soak.posted)
            progress(soak.posted)
        stop.wait(0.05)
    soak.seconds = time.monotonic() - soak.began
    soak.watch.sample(soak.posted)


def judged(lives: Sequence[Life], warm_up: int, last_frame: int) -> tuple[list[Grown], list[Brief]]:
    """The growth of every process, the largest first, and those that were there too briefly to tell."""
    grown, brief = [], []
    for life in lives:
        first = life.holdings[0].frames
        begin = first + warm_up if first > 0 else warm_up
        steady = [held for held in life.holdings if held.frames >= begin]
        if len({held.frames for held in steady}) >= LEAST_SAMPLES:
            grown.append(_grown(life, steady, last_frame))
        else:
            held = life.holdings[-1]
            brief.append(Brief(life.name, life.pid, first, held.frames, held.resident_mb))
    return sorted(grown, key=lambda process: -process.growth_mb), brief


def _grown(life: Life, steady: Sequence[Holding], last_frame: int) -> Grown:
    at = [held.frames for held in steady]
    resident = [held.resident_mb for held in steady]
    slope = theil_sen(at, resident)
    return Grown(
        name=life.name,
        pid=life.pid,
        growth_mb=round(growth(at, resident), 2),
        slope_kb_per_1000_frames=round(slope.value * 1e6, 2),
        slope_interval=(round(slope.low * 1e6, 2), round(slope.high * 1e6, 2)),
        resident_mb=_ends(resident),
        rss_mb=_ends([held.rss_mb for held in steady]),
        open_files=_ends([held.open_files for held in steady]),
        threads=_ends([held.threads for held in steady]),
        from_frame=at[0],
        to_frame=at[-1],
        ended=at[-1] < last_frame,
    )


def _ends(values: Sequence[float]) -> Ends:
    levels = tenths(values)
    return Ends(round(levels[0], 2), round(levels[-1], 2))


def shortcomings(soak: Soak) -> list[str]:
    """What is not as it should be, a line each; empty when all is well as far as it was measured."""
    grown, _ = judged(soak.watch.lives, soak.warm_up, soak.posted)
    lines = []
    for process in grown:
        who, over = f"{process.name} (process {process.pid})", process.to_frame - process.from_frame
        if process.growth_mb >= MOST_MB:
            lines.append(f"{who} grew by {process.growth_mb:.1f} MB over {over} frames; less than {MOST_MB:g} is right")
        for what, held in (("open files", process.open_files), ("threads", process.threads)):
            if held.last - held.first > MOST_MORE:
                lines.append(f"{who} has {held.last:g} {what} after {over} frames and had {held.first:g}")
    if errors := {status: times for status, times in soak.statuses.items() if status != "200"}:
        lines.append(f"{soak.cameras} cameras got other answers than 200: {errors}")
    return lines + (overload.shortcomings(soak.overload) if soak.overload else [])


def as_json(soak: Soak) -> dict[str, Any]:
    """The report as `doorbell bench soak --json` prints it; `frames` are those after the warm-up."""
    grown, brief = judged(soak.watch.lives, soak.warm_up, soak.posted)
    return {
        "frames": max(0, soak.posted - soak.warm_up),
        "warm_up_frames": min(soak.posted, soak.warm_up),
        "complete": soak.posted >= soak.warm_up + soak.frames_wanted,
        "cameras": soak.cameras,
        "seconds": round(soak.seconds, 1),
        "frames_per_second": round(soak.posted / soak.seconds, 1) if soak.seconds else None,
        "statuses": dict(soak.statuses),
        "errors": soak.posted - soak.statuses["200"],
        "resident_mb_is": RESIDENT_IS,
        "processes": [asdict(process) for process in grown],
        "too_brief": [asdict(process) for process in brief],
        "shortcomings": shortcomings(soak),
        "overload": asdict(soak.overload) if soak.overload else None,
        "samples": series(soak.watch.lives),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
    }


def series(lives: Sequence[Life]) -> list[dict[str, Any]]:
    """For a plot: of each process the frames at its samples and what it held then."""
    return [
        {
            "name": life.name,
            "pid": life.pid,
            "frames": [held.frames for held in life.holdings],
            "resident_mb": [held.resident_mb for held in life.holdings],
            "open_files": [held.open_files for held in life.holdings],
            "threads": [held.threads for held in life.holdings],
        }
        for life in lives
    ]
