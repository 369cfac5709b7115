"""`doorbell bench service`: cameras that post 640x480 frames to a real cluster on this machine.

Each camera is a closed loop over one kept connection: it posts its next frame when the last one was answered. The
cameras run in this process and share the processor with the cluster, as the figures say.
"""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil

from benchmarks.machine import machine
from samples.frames import FRAMES

WARM_UP_SECONDS = 2.0
REQUEST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Run:
    """What so many cameras measured; milliseconds from the first byte sent to the last one read."""

    cameras: int
    seconds: float
    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: int
    statuses: dict[str, int]


@dataclass(frozen=True, slots=True)
class Resident:
    """A process of the cluster and the memory it holds, in MB of 10^6 bytes."""

    name: str
    resident_mb: float


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """Every run, and the processes after the last one."""

    runs: list[Run]
    processes: list[Resident]
    replicas: int
    machine: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The contract's fields and more."""
        return asdict(self)


@dataclass
class _Seen:
    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)


def frames() -> list[bytes]:
    """The sample frames as JPEGs of 640 x 480."""
    with tempfile.TemporaryDirectory() as folder:
        return [frame.write(Path(folder), number).read_bytes() for number, frame in enumerate(FRAMES)]


def measure(url: str, key: str, cameras: Sequence[int], seconds: float) -> ServiceReport:
    """One run after the other against a cluster whose processes descend from this one."""
    images = frames()
    runs = [run(url, key, images, count, seconds) for count in cameras]
    processes = residents()
    replicas = sum("Recognizer" in process.name for process in processes)
    return ServiceReport(runs, processes, replicas, machine())


def run(url: str, key: str, images: Sequence[bytes], cameras: int, seconds: float) -> Run:
    """So many cameras at once, after a warm-up that is not counted."""
    begin = time.monotonic() + WARM_UP_SECONDS
    seen = [_Seen() for _ in range(cameras)]
    threads = [
        threading.Thread(target=_camera, args=(url, key, images, number, begin, begin + seconds, seen[number]))
        for number in range(cameras)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = np.array([value for camera in seen for value in camera.milliseconds] or [float("nan")])
    statuses = sum((camera.statuses for camera in seen), Counter[str]())
    answered = statuses["200"]
    p50, p99 = np.percentile(times, [50, 99])
    return Run(
        cameras=cameras,
        seconds=seconds,
        requests=statuses.total(),
        requests_per_second=round(answered / seconds, 1),
        p50_ms=round(float(p50), 1),
        p99_ms=round(float(p99), 1),
        max_ms=round(float(times.max()), 1),
        errors=statuses.total() - answered,
        statuses=dict(statuses),
    )


def residents() -> list[Resident]:
    """Every process below this one, the largest first."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            command = " ".join(process.cmdline()) or process.name()
            found.append(Resident(_name(command), round(process.memory_info().rss / 1e6, 1)))
        except psutil.Error:
            continue
    return sorted(found, key=lambda resident: -resident.resident_mb)


def _name(command: str) -> str:
    first = command.split(" ", 1)[0]
    if first.startswith(("ray::", "ray-dashboard")):
        return first.removeprefix("ray::")
    parts = [Path(part).name for part in command.split() if part.endswith(".py") or "/" in part]
    return next((part for part in parts if not part.startswith("python")), Path(first).name)


def _camera(url: str, key: str, images: Sequence[bytes], number: int, begin: float, end: float, seen: _Seen) -> None:
    """One door. Raises nothing: a lost connection is counted and opened again."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=REQUEST_SECONDS)
    headers = {"X-API-Key": key, "X-Camera-Id": f"camera-{number}", "X-Trigger": "motion", "Content-Type": "image/jpeg"}
    at = number
    while time.monotonic() < end:
        sent_at = time.perf_counter()
        try:
            body = images[at % len(images)]
            connection.request("POST", "/api/v1/frames", body, headers | {"Idempotency-Key": str(uuid.uuid4())})
            answer = connection.getresponse()
            answer.read()
            status = str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            status = type(error).__name__
        took = (time.perf_counter() - sent_at) * 1000
        at += 1
        if time.monotonic() >= begin:
            seen.statuses[status] += 1
            if status == "200":
                seen.milliseconds.append(took)
    connection.close()
