"""A cluster under load while snapshots are taken: how much would be lost at any moment, and what the visitors feel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backup.targets.target import Target
from benchmarks.autoscale.posting import Answered, post_at
from benchmarks.backup.looping import Window
from benchmarks.child import MeasurementFailed, child
from benchmarks.run import frames

PER_S = 12.0
"""Frames a second: well below what two cores answer, as a house's doors are."""

SCHEDULED_SECONDS = 60.0
PHASE_SECONDS = 15.0
PAIRS = 4
LOOK_SECONDS = 0.1
BEGIN_SECONDS = 120.0

Address = tuple[str, str]


def exposure(target: Target, moment_of: Callable[[str], float], address: Address) -> dict[str, Any]:
    """Load for a minute beside the cluster's own schedule: how old the newest snapshot was at the worst moment."""
    ages: list[float] = []
    ending = threading.Event()

    def look() -> None:
        while not ending.is_set():
            ages.append(time.time() - moment_of(_newest(target)))
            ending.wait(LOOK_SECONDS)

    first, deadline = _newest(target), time.monotonic() + BEGIN_SECONDS
    while _newest(target) == first:  # which the schedule has not taken
        if time.monotonic() > deadline:
            raise MeasurementFailed(f"the cluster took no snapshot within {BEGIN_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)

    watcher = threading.Thread(target=look, name="ages", daemon=True)
    watcher.start()
    answered = _load(address, SCHEDULED_SECONDS)
    ending.set()
    watcher.join()
    return {
        "rpo_seconds": round(max(ages), 3),
        "median_age_seconds": round(percentile(ages, 50), 3),
        "requests": len(answered),
        "failed": _failed(answered),
    }


def _newest(target: Target) -> str:
    return max(stored.name for stored in target.list("snapshots/")).removeprefix("snapshots/")


@dataclass(frozen=True, slots=True)
class Felt:
    """Milliseconds of the requests that met a snapshot, and of those that met none."""

    during: list[float]
    without: list[float]

    def as_json(self) -> dict[str, Any]:
        """With the ratio of the 99th percentiles."""
        with_p99, p99 = percentile(self.during, 99), percentile(self.without, 99)
        return {
            "live_p99_ratio": round(with_p99 / p99, 3),
            "p50_ms": {
                "during": round(percentile(self.during, 50), 1),
                "without": round(percentile(self.without, 50), 1),
            },
            "p99_ms": {"during": round(with_p99, 1), "without": round(p99, 1)},
            "requests": {"during": len(self.during), "without": len(self.without)},
        }


def felt(address: Address, say: Callable[[str], None]) -> dict[str, Any]:
    """Load alone and load beside snapshots without a pause, in turn, so that both see the same machine."""
    found = Felt([], [])
    with child("benchmarks.backup.looping") as looping:
        looping.hear()
        for number in range(PAIRS):
            say(f"latencies without and during snapshots, {number + 1} of {PAIRS} …")
            found.without.extend(_milliseconds(_load(address, PHASE_SECONDS)))
            looping.tell({"seconds": PHASE_SECONDS})
            began = time.time()
            answered = _load(address, PHASE_SECONDS)
            windows = [Window(**window) for window in looping.hear()["windows"]]
            found.during.extend(_milliseconds(_met(answered, windows, began)))
    return found.as_json()


def _load(address: Address, seconds: float) -> list[Answered]:
    """Raises MeasurementFailed when a frame failed."""
    moments = [number / PER_S for number in range(int(seconds * PER_S))]
    answered = post_at(moments, address, frames(), time.monotonic())
    if failed := _failed(answered):
        said = next(each.failed for each in answered if each.failed)
        raise MeasurementFailed(f"{failed} of {len(answered)} frames failed: {said}")
    return answered


def _met(answered: Sequence[Answered], windows: Sequence[Window], began: float) -> list[Answered]:
    """Those that were under way while a snapshot was."""
    return [each for each in answered if any(window.meets(began + each.due, began + each.ended) for window in windows)]


def percentile(values: Sequence[float], percent: float) -> float:
    """Between the two nearest. Raises MeasurementFailed without any."""
    if not values:
        raise MeasurementFailed("no request met a snapshot: give more events, or let it run longer")
    return float(np.percentile(values, percent))


def _milliseconds(answered: Sequence[Answered]) -> list[float]:
    return [each.milliseconds for each in answered]


def _failed(answered: Sequence[Answered]) -> int:
    return sum(bool(each.failed) for each in answered)
