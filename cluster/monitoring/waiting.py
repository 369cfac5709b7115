"""Numbers between whoever counts and whoever exports: taken from any thread at the cost of an append."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from cluster.monitoring.family import Bounds, Family
from cluster.monitoring.metrics import DROPPED

MOST_WAITING = 100_000
"""A saturated gateway makes 2,000 numbers a second. What comes beyond these is lost, and counted."""

RETOLD = 3
"""Every so many times all gauges are told again: Ray forgets one that nobody has set for twenty seconds."""

Labels: TypeAlias = tuple[str, ...]
Reading: TypeAlias = tuple[Family, Callable[[], float], Labels]


@dataclass(slots=True)
class Batch:
    """What is exported at once; of a gauge its last value, of a counter the sum."""

    counted: dict[tuple[Family, Labels], float] = field(default_factory=dict)
    gauges: dict[tuple[Family, Labels], float] = field(default_factory=dict)
    observed: list[tuple[Family, Labels, float]] = field(default_factory=list)


class Waiting:
    """A meter that keeps everything until `taken`."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: deque[tuple[Family, float, Labels]] = deque()
        self._readings: list[Reading] = []
        self._gauges: dict[tuple[Family, Labels], float] = {}
        self._times = 0
        self._lost = 0
        self._bounds = Bounds()
        self._within: set[tuple[Family, Labels]] = set()

    def add(self, family: Family, *labels: str, value: float = 1.0) -> None:
        """To a counter."""
        self._put(family, value, labels)

    def set(self, family: Family, value: float, *labels: str) -> None:
        """A gauge."""
        self._put(family, value, labels)

    def observe(self, family: Family, value: float, *labels: str) -> None:
        """One value of a histogram."""
        self._put(family, value, labels)

    def forget(self, family: Family, *labels: str) -> None:
        """A gauge that is none any more."""
        self._put(family, math.nan, labels)

    def read(self, family: Family, now: Callable[[], float], *labels: str) -> None:
        """A gauge whose value is asked for each time."""
        self._readings.append((family, now, labels))

    def taken(self) -> Batch:
        """What came since the last time, labels within their bounds. Used by one thread."""
        batch = Batch()
        for family, now, labels in self._readings:
            batch.gauges[self._bounded(family, labels)] = now()
        for family, value, labels in self._drained():
            key = self._bounded(family, labels)
            if family.kind == "counter":
                batch.counted[key] = batch.counted.get(key, 0.0) + value
            elif family.kind == "gauge":
                self._set(batch, key, value)
            else:
                batch.observed.append((*key, value))
        self._times += 1
        if self._times % RETOLD == 0:
            batch.gauges = self._gauges | batch.gauges
        lost, self._lost = self._lost, 0
        if lost:
            batch.counted[DROPPED, ("metrics", "full")] = float(lost)
        return batch

    def _set(self, batch: Batch, key: tuple[Family, Labels], value: float) -> None:
        if not math.isnan(value):
            batch.gauges[key] = self._gauges[key] = value
            return
        batch.gauges.pop(key, None)
        self._gauges.pop(key, None)
        family = key[0]
        self._within.clear()
        self._bounds.keep(family, [labels for each, labels in self._gauges if each is family])

    def _bounded(self, family: Family, labels: Labels) -> tuple[Family, Labels]:
        """Labels that are as they may be are looked at once: there are no more of them than the family has series."""
        key = family, labels
        if key in self._within:
            return key
        bounded = family, self._bounds.of(family, labels)
        if bounded == key:
            self._within.add(key)
        return bounded

    def _put(self, family: Family, value: float, labels: Labels) -> None:
        if len(self._waiting) < self._most:
            self._waiting.append((family, value, labels))
        else:
            self._lost += 1  # two threads may count one of theirs: it tells that something is lost, and about how much

    def _drained(self) -> Iterator[tuple[Family, float, Labels]]:
        for _ in range(len(self._waiting)):
            yield self._waiting.popleft()
