"""How much was free on the disks of late, kept in a small file, and when nothing will be.

A forecast needs a past. Prometheus has one where there is a Prometheus; this is for the machine itself.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

EVERY_SECONDS = 300.0
KEPT_SECONDS = 48 * 3600.0
LOOKED_AT_SECONDS = 6 * 3600.0
"""How much of the past a forecast goes by."""

LEAST_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """Free bytes by mount point, at a moment (Unix seconds)."""

    at: float
    free: Mapping[str, int]


def history_file(data: Path) -> Path:
    """Where a data folder's history is kept."""
    return data / "disk-history.json"


def mount_of(path: Path) -> Path:
    """The mount point that holds a path, which need not be there."""
    path = path.absolute()
    while not path.exists() or not path.is_mount():
        path = path.parent
    return path


def free_bytes(paths: Sequence[Path]) -> dict[str, int]:
    """By mount point, what a process without special rights may still use."""
    found = {}
    for mount in {mount_of(path) for path in paths}:
        status = os.statvfs(mount)
        found[str(mount)] = status.f_bavail * status.f_frsize
    return found


def note(file: Path, free: Mapping[str, int], now: float) -> None:
    """Add a sample, unless the last one is younger than EVERY_SECONDS. A full disk keeps the past. Raises OSError."""
    past = [each for each in history(file) if now - KEPT_SECONDS < each.at <= now]
    if past and now - past[-1].at < EVERY_SECONDS:
        return
    beside = file.with_name(f".{file.name}-{os.getpid()}")
    try:
        beside.write_text(json.dumps([[each.at, dict(each.free)] for each in (*past, Sample(now, free))]))
        beside.replace(file)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def history(file: Path) -> list[Sample]:
    """What was noted, the oldest first; nothing where there is no file, or a damaged one."""
    try:
        return [Sample(float(at), {str(key): int(value) for key, value in free.items()}) for at, free in _read(file)]
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return []


def full_in(samples: Sequence[Sample], mount: str, now: float) -> float | None:
    """Seconds until nothing is free, by a straight line through the last hours; None where it does not fill."""
    points = [
        (each.at, each.free[mount]) for each in samples if each.at > now - LOOKED_AT_SECONDS and mount in each.free
    ]
    if len(points) < LEAST_SAMPLES:
        return None
    slope, start = linear_regression([at - now for at, _ in points], [free for _, free in points])
    return max(0.0, -start / slope) if slope < 0 else None


def _read(file: Path) -> list[tuple[float, dict[str, int]]]:
    found: list[tuple[float, dict[str, int]]] = json.loads(file.read_text())
    return found
