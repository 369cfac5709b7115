"""More cameras at once than the processor can serve: who is answered, and how soon all is well afterwards."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import cameras
from benchmarks.cameras import Answer

CAMERAS = 64
NORMAL_SECONDS = 4.0
PROBE_SECONDS = 15.0
IN_A_ROW = 5
RECOVERY_SECONDS = 1.0
LEAST_SHARE = 0.5
EXPECTED = frozenset({"200", "429"})


@dataclass(frozen=True, slots=True)
class Overload:
    """`normal_p50_ms` and `normal_p99_ms` are one camera's before the burst.

    `slowest_share` is the slowest camera's answered frames by the mean of all. `drained_seconds`: from the last frame
    sent to the last one answered. `recovery_seconds`: from the last frame sent until frames are answered within the
    normal p99 again; None when that did not happen in PROBE_SECONDS.
    """

    cameras: int
    seconds: float
    requests_per_second: float
    p50_ms: float | None
    p99_ms: float | None
    statuses: dict[str, int]
    slowest_share: float
    normal_p50_ms: float | None
    normal_p99_ms: float | None
    drained_seconds: float
    recovery_seconds: float | None


def burst(
    address: tuple[str, str],
    images: Sequence[bytes],
    seconds: float,
    stop: threading.Event,
    count: int = CAMERAS,
) -> Overload | None:
    """One camera, then `count` of them for so many seconds, then one again. None when `stop` came before the end."""
    normal = _alone(address, images, NORMAL_SECONDS, stop)
    heard: list[Answer] = []
    over = threading.Event()
    began = time.monotonic()
    threads = cameras.start(address, images, count, lambda: not over.is_set(), heard.append)
    stop.wait(seconds)
    over.set()
    ended = time.monotonic()
    limit = percentile(normal, 99) or 0.0
    after = _alone(address, images, PROBE_SECONDS, stop, limit)
    for thread in threads:
        thread.join()
    if stop.is_set():
        return None
    recovered = recovered_at(after, limit)
    by_camera = Counter(answer.camera for answer in heard if answer.status == "200")
    return Overload(
        cameras=count,
        seconds=round(ended - began, 2),
        requests_per_second=round(sum(a.status == "200" and a.ended_at <= ended for a in heard) / (ended - began), 1),
        p50_ms=percentile(heard, 50),
        p99_ms=percentile(heard, 99),
        statuses=dict(Counter(answer.status for answer in heard)),
        slowest_share=round(slowest_share([by_camera[number] for number in range(count)]), 3),
        normal_p50_ms=percentile(normal, 50),
        normal_p99_ms=percentile(normal, 99),
        drained_seconds=round(max(answer.ended_at for answer in heard) - ended, 3),
        recovery_seconds=None if recovered is None else round(max(0.0, recovered - ended), 3),
    )


def slowest_share(by_camera: Sequence[int]) -> float:
    """Frames answered to the camera that got the fewest, by the mean of all cameras; 0 when none was answered."""
    return min(by_camera) * len(by_camera) / sum(by_camera) if any(by_camera) else 0.0


def recovered_at(after: Sequence[Answer], limit_ms: float) -> float | None:
    """When the first of IN_A_ROW frames was sent that were all answered with 200 within the limit; None if never."""
    well = 0
    for number, answer in enumerate(after):
        well = well + 1 if answer.status == "200" and answer.milliseconds <= limit_ms else 0
        if well == IN_A_ROW:
            return after[number - IN_A_ROW + 1].sent_at
    return None


def percentile(heard: Sequence[Answer], percent: float) -> float | None:
    """Milliseconds, of the frames that were answered with 200; None when none was."""
    answered = [answer.milliseconds for answer in heard if answer.status == "200"]
    return round(float(np.percentile(answered, percent)), 1) if answered else None


def shortcomings(found: Overload) -> list[str]:
    """What is not as it should be, a line each."""
    lines = []
    others = {status: times for status, times in found.statuses.items() if status not in EXPECTED}
    if others:
        lines.append(f"{found.cameras} cameras at once got other answers than 200 and 429: {others}")
    if not found.slowest_share >= LEAST_SHARE:
        lines.append(f"the slowest of {found.cameras} cameras got {found.slowest_share:.0%} of the mean's answers")
    if found.recovery_seconds is None or found.recovery_seconds > RECOVERY_SECONDS:
        took = f"{found.recovery_seconds or PROBE_SECONDS:.1f} s"
        more = "more than " if found.recovery_seconds is None else ""
        lines.append(f"after {found.cameras} cameras latency was normal again after {more}{took}, 1 is the most")
    return lines


def _alone(
    address: tuple[str, str],
    images: Sequence[bytes],
    seconds: float,
    stop: threading.Event,
    limit_ms: float | None = None,
) -> list[Answer]:
    """One camera's answers, for so many seconds or, with a limit, until latency is within it."""
    heard: list[Answer] = []
    end = time.monotonic() + seconds

    def more() -> bool:
        settled = limit_ms is not None and recovered_at(heard[-IN_A_ROW:], limit_ms) is not None
        return not settled and not stop.is_set() and time.monotonic() < end

    for thread in cameras.start(address, images, 1, more, heard.append):
        thread.join()
    return heard
