"""One run: so many cameras against one service, and where the processor's time went meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import cpu_time
from benchmarks.child import MeasurementFailed, child
from benchmarks.load import Job
from samples.frames import FRAMES

WARM_UP_SECONDS = 2.0
LOAD = "load generator"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the cameras post which bodies, and below which process (this one) the service's processes are."""

    url: str
    headers: Mapping[str, str]
    bodies: Sequence[bytes]
    root: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What so many cameras measured; milliseconds from the first byte sent to the last one read.

    `errors` are answers other than 200 and 429, and lost connections; `too_many` are the 429. `slowest_share` is the
    frames of the camera that got the fewest by the mean of all. The shares are of all cores together: the load
    generator's, nobody's, and that of whatever else the machine did.
    """

    cameras: int
    seconds: float
    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: int
    too_many: int
    statuses: dict[str, int]
    slowest_share: float
    cpu_seconds_per_frame: float
    cpu_ms_per_frame: dict[str, float]
    load_share: float
    idle_share: float
    other_share: float


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds between two looks: the service's by role, the load generator's, nobody's, and all there were.

    `ended` are the roles of processes that were gone at the second look.
    """

    service: dict[str, float]
    load: float
    idle: float
    all: float
    ended: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Counted:
    """What the load generator says."""

    seconds: float
    cpu_seconds: float
    milliseconds: list[float]
    statuses: dict[str, int]
    by_camera: list[int] = field(default_factory=list)


def frames() -> list[bytes]:
    """The sample frames as JPEGs of 640 x 480."""
    with tempfile.TemporaryDirectory() as folder:
        return [frame.write(Path(folder), number).read_bytes() for number, frame in enumerate(FRAMES)]


def run(target: Target, cameras: int, seconds: float) -> Run:
    """So many cameras at once, after a warm-up that is not counted. Raises MeasurementFailed as `summary` does."""
    with tempfile.TemporaryDirectory() as folder, child("benchmarks.load", environment=plain_environment()) as load:
        job = Job(
            target.url, dict(target.headers), written(Path(folder), target.bodies), cameras, WARM_UP_SECONDS, seconds
        )
        load.tell(asdict(job))
        load.hear()
        before, processor = cpu_time.seen(target.root), cpu_time.processor()
        counted = Counted(**load.hear())
        after, processor_after = cpu_time.seen(target.root), cpu_time.processor()
    service = cpu_time.taken(before, after)
    service.pop(LOAD, None)
    spent = Spent(
        service,
        counted.cpu_seconds,
        processor_after.idle - processor.idle,
        processor_after.all - processor.all,
        cpu_time.ended(before, after),
    )
    return summary(counted, spent)


def summary(counted: Counted, spent: Spent) -> Run:
    """The figures of a run. Raises MeasurementFailed without one answer, or when a serving process has ended."""
    if crashed := [role for role in spent.ended if role in cpu_time.SERVING]:
        raise MeasurementFailed(f"{', '.join(crashed)} ended during the run, and what it took is not known")
    answered, total = len(counted.milliseconds), sum(counted.statuses.values())
    if not answered:
        raise MeasurementFailed(f"no frame was answered with 200: {counted.statuses or 'no answer at all'}")
    times = np.array(counted.milliseconds)
    p50, p99 = np.percentile(times, [50, 99])
    too_many, service = counted.statuses.get("429", 0), sum(spent.service.values())
    return Run(
        cameras=len(counted.by_camera),
        seconds=round(counted.seconds, 2),
        requests=total,
        requests_per_second=round(answered / counted.seconds, 2),
        p50_ms=round(float(p50), 1),
        p99_ms=round(float(p99), 1),
        max_ms=round(float(times.max()), 1),
        errors=total - answered - too_many,
        too_many=too_many,
        statuses=counted.statuses,
        slowest_share=round(min(counted.by_camera) * len(counted.by_camera) / answered, 3),
        cpu_seconds_per_frame=round(service / answered, 6),
        cpu_ms_per_frame=cpu_time.per_frame({**spent.service, LOAD: spent.load}, answered),
        load_share=round(spent.load / spent.all, 4),
        idle_share=round(spent.idle / spent.all, 4),
        other_share=round(max(0.0, spent.all - spent.idle - spent.load - service) / spent.all, 4),
    )


def plain_environment() -> dict[str, str]:
    """This process's environment without what the launcher has set for Ray and its processes."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "DOORBELL_"))}


def written(folder: Path, bodies: Sequence[bytes]) -> list[str]:
    """The files of these bodies, as a Job takes them."""
    paths = [folder / f"{number:03d}" for number in range(len(bodies))]
    for path, body in zip(paths, bodies, strict=True):
        path.write_bytes(body)
    return [str(path) for path in paths]
