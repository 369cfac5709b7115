"""Whoever takes numbers. What counts needs not know who exports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cluster.monitoring.family import Family


class Meter(Protocol):
    """Takes numbers of a family, with a value for each of its labels in their order. Nothing waits, nothing raises."""

    def add(self, family: Family, *labels: str, value: float = 1.0) -> None:
        """To a counter; 0 has it there before its first event."""

    def set(self, family: Family, value: float, *labels: str) -> None:
        """A gauge: it stays until it is set again."""

    def forget(self, family: Family, *labels: str) -> None:
        """A gauge that is none any more: its label values are free for others."""

    def observe(self, family: Family, value: float, *labels: str) -> None:
        """One value of a histogram."""

    def read(self, family: Family, now: Callable[[], float], *labels: str) -> None:
        """A gauge whose value is asked for at each export from now on, in another thread."""


class Silent:
    """Takes nothing: instrumentation is off."""

    def add(self, family: Family, *labels: str, value: float = 1.0) -> None:
        """Nothing."""

    def set(self, family: Family, value: float, *labels: str) -> None:
        """Nothing."""

    def forget(self, family: Family, *labels: str) -> None:
        """Nothing."""

    def observe(self, family: Family, value: float, *labels: str) -> None:
        """Nothing."""

    def read(self, family: Family, now: Callable[[], float], *labels: str) -> None:
        """Nothing."""


SILENT = Silent()
