"""`doorbell bench service`: cameras that post 640x480 frames to a real cluster on this machine.

The cameras are one process of their own (`benchmarks.load`), which shares the machine with the cluster; what it takes
is measured, as is what every process of the cluster takes for a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from benchmarks.cpu_time import Resident, recognizers, residents
from benchmarks.floor import Floor
from benchmarks.machine import machine
from benchmarks.peers.race import PeerResult
from benchmarks.run import Run, Target, frames, run

SATURATED = 8
"""Cameras from which on a run counts as saturated."""

DISTURBED = 0.05
"""The share of the processor that other programs may take before figures by the clock are theirs as well."""

SETTLING_SECONDS = 5.0
SETTLING_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """Every run, the processes after the last one, the floor before and after, and the peers, if they were asked."""

    runs: list[Run]
    processes: list[Resident]
    replicas: int
    floors: tuple[Floor, ...] = ()
    peers: tuple[PeerResult, ...] = ()

    @property
    def saturated(self) -> Run | None:
        """The best run among those with enough cameras to keep every core busy."""
        return max(
            (each for each in self.runs if each.cameras >= SATURATED),
            key=lambda each: each.requests_per_second,
            default=None,
        )

    @property
    def beside_peers(self) -> Run:
        """Peers are measured with as many cameras as this run had."""
        return next((each for each in self.runs if each.cameras == SATURATED), self.runs[-1])

    def as_json(self) -> dict[str, Any]:
        """The contract's fields and more."""
        return {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "replicas": self.replicas,
            "runs": [asdict(each) for each in self.runs],
            "processes": [asdict(each) for each in self.processes],
            "saturation_cameras": self.saturated.cameras if self.saturated else None,
            "flatness": flatness(self.runs),
            **floor_figures(self.saturated, self.floors),
            "peers": [asdict(each) for each in self.peers],
            "peers_cameras": self.beside_peers.cameras if self.peers else None,
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
    processes = residents()
    return ServiceReport(runs, processes, recognizers(processes))


def settle(target: Target, cameras: int) -> None:
    """Load until no more recognizers are started, so that every run meets the same number of them."""
    before = 0
    for _ in range(SETTLING_ROUNDS):
        run(target, cameras, SETTLING_SECONDS)
        if (now := recognizers(residents())) == before:
            return
        before = now


def flatness(runs: Sequence[Run]) -> float | None:
    """Throughput with the most cameras by the best of the saturated runs; None without two of them."""
    saturated = [each for each in runs if each.cameras >= SATURATED]
    if len(saturated) < 2:
        return None
    last = max(saturated, key=lambda each: each.cameras)
    return round(last.requests_per_second / max(each.requests_per_second for each in saturated), 3)


def floor_figures(best: Run | None, floors: Sequence[Floor]) -> dict[str, Any]:
    """How near the best run comes to the bare engine; empty without a floor.

    `floor_fraction` is by the clock: frames/s by the floors' mean, which is first made smaller by the load generator's
    share of the processor. `floor_fraction_by_cpu` is by CPU time, which what else runs on the machine changes less.
    Both are None without a saturated run. `disturbed` says that something else took so much of the processor, during
    that run or the floors, that the first is no figure of this service's.
    """
    if not floors:
        return {}
    mean, cpu = fmean(each.frames_per_second for each in floors), fmean(each.cpu_seconds_per_frame for each in floors)
    by_clock = best.requests_per_second / (mean * (1 - best.load_share)) if best else None
    by_cpu = cpu / best.cpu_seconds_per_frame if best else None
    return {
        "floor": {
            "frames_per_second": round(mean, 2),
            "cpu_seconds_per_frame": round(cpu, 6),
            "each": [
                {
                    "frames_per_second": round(each.frames_per_second, 2),
                    "cpu_seconds_per_frame": round(each.cpu_seconds_per_frame, 6),
                    "cpu_share": round(each.cpu_share, 4),
                }
                for each in floors
            ],
        },
        "disturbed": max([1 - each.cpu_share for each in floors] + ([best.other_share] if best else [])) > DISTURBED,
        "load_generator_share": best.load_share if best else None,
        "floor_fraction": round(by_clock, 4) if by_clock else None,
        "floor_fraction_by_cpu": round(by_cpu, 4) if by_cpu else None,
    }
