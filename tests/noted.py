"""A meter that tests read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from cluster.monitoring.family import Family


class Noted:
    """Everything that was counted, by the family's name and the labels."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, ...]] = Counter()
        self.gauges: dict[tuple[str, ...], float] = {}
        self.observed: list[tuple[float, tuple[str, ...]]] = []

    def add(self, family: Family, *labels: str, value: float = 1.0) -> None:
        assert len(labels) == len(family.labels)
        self.counted[family.name, *labels] += int(value)

    def set(self, family: Family, value: float, *labels: str) -> None:
        assert len(labels) == len(family.labels)
        self.gauges[family.name, *labels] = value

    def forget(self, family: Family, *labels: str) -> None:
        self.gauges.pop((family.name, *labels), None)

    def observe(self, family: Family, value: float, *labels: str) -> None:
        assert len(labels) == len(family.labels)
        self.observed.append((value, (family.name, *labels)))

    def read(self, family: Family, now: Callable[[], float], *labels: str) -> None:
        self.gauges[family.name, *labels] = now()
