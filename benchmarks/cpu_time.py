"""Which process took how much of the processor, and how much memory each holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psutil

ROLES = (
    (r"^ray::ServeReplica:gateway:", "gateway"),
    (r"^ray::ServeReplica:recognizer-", "recognizer"),
    (r"^ray::ServeReplica:courier:", "courier"),
    (r"^ray::ServeReplica:", "replica"),
    (r"^ray::ServeController", "Serve controller"),
    (r"^ray::ProxyActor", "Serve proxy"),
    (r"^ray::HAProxyManager", "HAProxy manager"),
    (r"haproxy", "HAProxy"),
    (r"/raylet/raylet ", "raylet"),
    (r"/gcs/gcs_server ", "GCS"),
    (r"^ray-dashboard|/dashboard/dashboard\.py", "dashboard"),
    (r"^ray::|/site-packages/ray/", "Ray's agents"),
    (r"benchmarks\.load", "load generator"),
    (r"-m uvicorn |multiprocessing\.(spawn|resource_tracker)", "uvicorn"),
    (r"benchmarks\.peers\.", "driver"),
    (r"^\S*python\S* ", "this command"),
)
"""The first pattern that a command line has in it says what the process is for."""

SERVING = frozenset({"gateway", "recognizer", "courier", "replica", "uvicorn"})
"""Whoever of these ends during a run has crashed, and taken with it what it had used of the processor."""

NUMBERED = frozenset({"recognizer", "replica"})

Seen: TypeAlias = dict[tuple[int, float], tuple[str, float]]
"""By process id and start time: command line and CPU seconds so far."""


@dataclass(frozen=True, slots=True)
class Resident:
    """A process of the cluster and the memory it holds, in MB of 10^6 bytes."""

    name: str
    resident_mb: float


def residents() -> list[Resident]:
    """Every process below this one, the largest first."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            command = " ".join(process.cmdline()) or process.name()
            found.append(Resident(name_of(command), round(process.memory_info().rss / 1e6, 1)))
        except psutil.Error:
            continue
    return sorted(found, key=lambda resident: -resident.resident_mb)


def recognizers(found: Iterable[Resident]) -> int:
    """How many of them are recognizer replicas."""
    return sum(role_of(f"ray::{resident.name}") == "recognizer" for resident in found)


def seen(root: int | None = None) -> Seen:
    """CPU time, user and system, of a process (this one) and of every process below it."""
    return dict(_seen(psutil.Process(root)))


def _seen(root: psutil.Process) -> Iterator[tuple[tuple[int, float], tuple[str, float]]]:
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
            yield (process.pid, process.create_time()), (" ".join(process.cmdline()), times.user + times.system)
        except psutil.Error:
            continue


def taken(before: Seen, after: Seen) -> dict[str, float]:
    """CPU seconds by role between two looks, the largest first; replicas of one deployment are numbered."""
    found: dict[str, float] = {}
    numbers: dict[str, int] = {}
    for key in sorted(after):
        command, seconds = after[key]
        role = role_of(command)
        if role in NUMBERED:
            numbers[role] = numbers.get(role, 0) + 1
            role = f"{role} {numbers[role]}"
        found[role] = found.get(role, 0.0) + seconds - before.get(key, ("", 0.0))[1]
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def ended(before: Seen, after: Seen) -> list[str]:
    """The roles of processes that were gone at the second look; their CPU time is in no figure."""
    return sorted(role_of(command) for key, (command, _) in before.items() if key not in after)


def role_of(command: str) -> str:
    """What a process is for, by its command line."""
    return next((role for pattern, role in ROLES if re.search(pattern, command)), name_of(command))


def name_of(command: str) -> str:
    """Ray's title of a process without the method that it is just in, or else its program."""
    first = command.split(" ", 1)[0]
    if first.startswith(("ray::", "ray-dashboard")):
        return first.removeprefix("ray::").partition(".")[0]
    if " -c " in command:
        return f"{Path(first).name} -c"
    parts = [Path(part).name for part in command.split() if part.endswith(".py") or "/" in part]
    return next((part for part in parts if not part.startswith("python")), Path(first).name)


@dataclass(frozen=True, slots=True)
class Processor:
    """The whole machine's CPU seconds so far."""

    all: float
    idle: float


def processor() -> Processor:
    """Of every core together; waiting for a disk counts as idle, what another machine took (steal) does not."""
    times = psutil.cpu_times()
    every = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return Processor(every, times.idle + getattr(times, "iowait", 0.0))


def per_frame(cpu_seconds: Mapping[str, float], frames: int) -> dict[str, float]:
    """Milliseconds a frame, without what takes less than a thousandth of one; empty without a frame."""
    milliseconds = {name: round(seconds * 1000 / frames, 3) for name, seconds in cpu_seconds.items()} if frames else {}
    return {name: value for name, value in milliseconds.items() if value > 0}
