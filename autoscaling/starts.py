"""How long new replicas take, as the controller sees it: from the decision until they answer. Pure, standard library.

A replica itself cannot measure this: it does not know how long it waited for a place, or for a node.
"""

from __future__ import annotations

from collections import deque

KEPT = 20
LONGEST_S = 600.0
"""A target that is not reached in this time says nothing of a start: there is no room."""


class Starts:
    """Told of each look, with a monotonic clock."""

    def __init__(self) -> None:
        self._pending: list[tuple[float, int]] = []
        self._taken: deque[float] = deque(maxlen=KEPT)

    @property
    def seconds(self) -> float | None:
        """The longest of the newest, so that a start on a new node is among them; None before the first."""
        return max(self._taken, default=None)

    def looked(self, now: float, replicas: int, before: int, target: int) -> None:
        """`replicas` run; `before` were wanted until now, and `target` are from now on."""
        still = []
        for decided_at, wanted in self._pending:
            if replicas >= wanted:
                self._taken.append(now - decided_at)
            elif wanted <= target and now - decided_at < LONGEST_S:
                still.append((decided_at, wanted))
        self._pending = still
        if target > before:
            self._pending.append((now, target))
