"""What is seen of a running cluster's autoscaling: the policy's own file, and the controller's metrics."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

EVERY_SECONDS = 0.25
METRICS_EVERY = 8
"""Looks."""

LOOP = "ray_serve_controller_control_loop_duration_s"
POLICY = "ray_serve_autoscaling_policy_execution_time_ms"


@dataclass(frozen=True, slots=True)
class Look:
    """Seconds since the first look; replicas that run and that are wanted; what the policy saw of requests and frames.

    `requests` run and wait, `service_s` is a replica's time for a frame.
    """

    at: float
    replicas: int
    target: int
    requests: float | None = None
    service_s: float | None = None


@dataclass(slots=True)
class Looks:
    """All of them, and the metrics with their times, by name; `last` is the newest decision as the policy wrote it."""

    begun: float
    seen: list[Look] = field(default_factory=list)
    metrics: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    decided: list[tuple[float, str]] = field(default_factory=list)
    """When another number was wanted, and why."""

    def replica_seconds(self, until: float) -> float:
        """Of those that ran or were being started, from 0 to `until`."""
        ends = [look.at for look in self.seen[1:]] + [until]
        return sum(
            max(look.replicas, look.target) * max(0.0, min(end, until) - max(0.0, look.at))
            for look, end in zip(self.seen, ends, strict=True)
        )

    def middle(self, name: str, until: float) -> float | None:
        """The median of a metric until then; None when it was never there."""
        found = [value for at, value in self.metrics.get(name, []) if at < until]
        return median(found) if found else None


@contextmanager
def looking(decision: Path, discovery: Path, begun: float) -> Iterator[Looks]:
    """Look until the end of the block. `discovery` is Ray's file of metrics addresses, `begun` monotonic."""
    looks, ended = Looks(begun), threading.Event()
    thread = threading.Thread(target=_look, args=(looks, decision, discovery, ended), name="looks")
    thread.start()
    try:
        yield looks
    finally:
        ended.set()
        thread.join()


def _look(looks: Looks, decision: Path, discovery: Path, ended: threading.Event) -> None:
    number = 0
    while not ended.wait(EVERY_SECONDS):
        number += 1
        with contextlib.suppress(OSError, ValueError):  # not there yet
            looks.last = json.loads(decision.read_text())
            at = time.monotonic() - looks.begun
            told = looks.last.get("seen", {})
            asked = looks.last["replicas"], looks.last["target"]
            if not looks.seen or looks.seen[-1].target != looks.last["target"]:
                looks.decided.append((round(at, 2), looks.last["why"]))
            looks.seen.append(Look(at, *asked, told.get("requests"), told.get("service_s")))
        if number % METRICS_EVERY == 0:
            for name, value in metrics(discovery):
                looks.metrics.setdefault(name, []).append((time.monotonic() - looks.begun, value))


def metrics(discovery: Path) -> list[tuple[str, float]]:
    """The controller's, as its node exports them; none while it exports nothing."""
    found = []
    with contextlib.suppress(OSError, ValueError):
        for target in json.loads(discovery.read_text())[0]["targets"]:
            with urllib.request.urlopen(f"http://{target}/metrics", timeout=2) as answer:
                text = answer.read().decode()
            for name, value in re.findall(rf"^({LOOP}|{POLICY})\{{.*\}} (\S+)$", text, re.MULTILINE):
                found.append((name, float(value)))
    return found
