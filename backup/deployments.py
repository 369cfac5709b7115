"""Snapshots on a schedule, as a Ray Serve deployment: one process behind everything else.

It remembers nothing that the repository does not know, so another replica on another node goes on where it ended.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

from ray import serve
from ray.util.metrics import Counter, Gauge

from backup.meter import COUNTERS, GAUGES, Meter
from backup.rounds import YIELDING, Rounds


class RayMeter:
    """Metrics that Ray exports."""

    def __init__(self) -> None:
        self._gauges = {name: Gauge(name, said) for name, said in GAUGES.items()}
        self._counters = {name: Counter(name, said) for name, said in COUNTERS.items()}

    def set(self, name: str, value: float) -> None:
        """At once, and again with every export."""
        self._gauges[name].set(value)

    def add(self, name: str, value: float) -> None:
        """Ray refuses to count nothing."""
        if value > 0:
            self._counters[name].inc(value)


@serve.deployment(
    name="Backup",
    num_replicas=1,
    ray_actor_options={"num_cpus": 0.1},
    health_check_period_s=5,
    graceful_shutdown_wait_loop_s=0.5,
    graceful_shutdown_timeout_s=5,
)
class BackupReplica:
    """A thread for each of the rounds that `build` gives: a drill of a minute holds no snapshot up."""

    def __init__(self, build: Callable[[Meter], Sequence[Rounds]]) -> None:
        os.nice(YIELDING)
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(rounds,), name=f"backup-{number}", daemon=True)
            for number, rounds in enumerate(build(RayMeter()))
        ]
        for thread in self._threads:
            thread.start()

    def check_health(self) -> None:
        """Raises RuntimeError when a thread is gone."""
        if not all(thread.is_alive() for thread in self._threads):
            raise RuntimeError("nobody takes snapshots any more")

    def __del__(self) -> None:
        """Serve calls this before it ends a replica. A snapshot that is cut off was never one."""
        self._ending.set()

    def _run(self, rounds: Rounds) -> None:
        while not self._ending.is_set():
            self._ending.wait(max(0.05, rounds.round()))
