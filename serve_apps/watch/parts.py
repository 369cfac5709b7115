"""What the watch looks at, each part for itself: one that fails or hangs keeps no other from its look."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cluster.monitoring.family import Family
from cluster.monitoring.meter import Meter
from cluster.monitoring.metrics import WATCH_ROUND

log = logging.getLogger(__name__)

ROUND_SECONDS = 10.0
SELDOM_SECONDS = 60.0
"""For what takes the database longer, or changes slowly."""


@dataclass(frozen=True, slots=True)
class Part:
    """`look` sets gauges; whatever it raises is logged, and it looks again after `every` seconds."""

    name: str
    look: Callable[[], None]
    every: float = ROUND_SECONDS


class Gauges(Protocol):
    """Takes what a part sees."""

    def set(self, family: Family, value: float, *labels: str) -> None:
        """As a Meter does."""


class _Fresh:
    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._before: set[tuple[Family, tuple[str, ...]]] = set()
        self._now: set[tuple[Family, tuple[str, ...]]] = set()

    def set(self, family: Family, value: float, *labels: str) -> None:
        self._meter.set(family, value, *labels)
        self._now.add((family, labels))

    def settle(self) -> None:
        for family, labels in self._before - self._now:
            self._meter.forget(family, *labels)
        self._before, self._now = self._now, set()


def fresh(meter: Meter, build: Callable[[Gauges], Callable[[], None]]) -> Callable[[], None]:
    """The look that `build` makes; what it set the last time and not this time is forgotten, unless it raises."""
    gauges = _Fresh(meter)
    look = build(gauges)

    def looked() -> None:
        look()
        gauges.settle()

    return looked


class Watching:
    """A thread for each part."""

    def __init__(self, parts: Sequence[Part], meter: Meter, clock: Callable[[], float] = time.time) -> None:
        self._meter = meter
        self._clock = clock
        self._ending = threading.Event()
        self._threads = {
            part: threading.Thread(target=self._run, args=(part,), name=f"watch-{part.name}", daemon=True)
            for part in parts
        }

    def start(self) -> None:
        """Look from now on: a part that never gets its work done is late from this moment, and not unknown."""
        for part, thread in self._threads.items():
            self._meter.set(WATCH_ROUND, self._clock(), part.name)
            thread.start()

    def stop(self) -> None:
        """Do not look again."""
        self._ending.set()

    @property
    def all_alive(self) -> bool:
        """Whether every thread lives."""
        return all(thread.is_alive() for thread in self._threads.values())

    def look(self, part: Part) -> None:
        """Once."""
        try:
            part.look()
        except Exception as error:
            # The outermost loop: what this part looks at may be away for long.
            log.warning("watch.part_failed part=%s: %s", part.name, error)
        else:
            self._meter.set(WATCH_ROUND, self._clock(), part.name)

    def _run(self, part: Part) -> None:
        while not self._ending.is_set():
            self.look(part)
            self._ending.wait(part.every)
