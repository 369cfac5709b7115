"""`doorbell bench service`: cameras that post 640x480 frames to a real cluster on this machine.

The cameras are one process of their own (`benchmarks.load`), which shares the machine with the cluster; what it takes
is measured, as is what every process of the cluster takes for a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.cpu_time import Resident, residents
from benchmarks.machine import machine
from benchmarks.run import Run, Target, frames, run

SATURATED = 8
"""Cameras from which on a run counts as saturated."""

SETTLING_SECONDS = 5.0
SETTLING_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """Every run, and the processes after the last one."""

    runs: list[Run]
    processes: list[Resident]
    replicas: int
    machine: dict[str, Any]

    @property
    def saturated(self) -> Run | None:
        """The best run among those with enough cameras to keep every core busy."""
        return max(
            (each for each in self.runs if each.cameras >= SATURATED),
            key=lambda each: each.requests_per_second,
            default=None,
        )

    def as_json(self) -> dict[str, Any]:
        """The contract's fields and more."""
        best = self.saturated
        return {
            **asdict(self),
            "saturation_cameras": best.cameras if best else None,
            "flatness": flatness(self.runs),
        }


def measure(
    url: str, key: str, cameras: Sequence[int], seconds: float, say: Callable[[str], None] = lambda line: None
) -> ServiceReport:
    """One run after the other against a cluster whose processes descend from this one. Raises MeasurementFailed."""
    target = Target(f"{url}/api/v1/frames", {"X-API-Key": key, "Content-Type": "image/jpeg"}, frames())
    settle(target, max(cameras))
    runs = []
    for count in cameras:
        say(f"measuring {count} cameras …")
        runs.append(run(target, count, seconds))
    return ServiceReport(runs, residents(), recognizers(), machine())


def settle(target: Target, cameras: int) -> None:
    """Load until no more recognizers are started, so that every run meets the same number of them."""
    before = 0
    for _ in range(SETTLING_ROUNDS):
        run(target, cameras, SETTLING_SECONDS)
        if (now := recognizers()) == before:
            return
        before = now


def recognizers() -> int:
    """Recognizer replicas below this process."""
    return sum(resident.name.endswith(":Recognizer") for resident in residents())


def flatness(runs: Sequence[Run]) -> float | None:
    """Throughput with the most cameras by the best of the saturated runs; None without two of them."""
    saturated = [each for each in runs if each.cameras >= SATURATED]
    if len(saturated) < 2:
        return None
    last = max(saturated, key=lambda each: each.cameras)
    return round(last.requests_per_second / max(each.requests_per_second for each in saturated), 3)
