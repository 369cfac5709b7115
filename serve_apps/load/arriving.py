"""How many frames have just come to a replica."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from autoscaling.stats import ARRIVING_S


class Arriving:
    """Used by one thread. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._came = deque[float]()

    def one(self) -> None:
        """A frame has come."""
        self._forget()
        self._came.append(self._clock())

    def per_s(self) -> float:
        """Frames a second, within the last `ARRIVING_S`."""
        self._forget()
        return len(self._came) / ARRIVING_S

    def _forget(self) -> None:
        oldest = self._clock() - ARRIVING_S
        while self._came and self._came[0] <= oldest:
            self._came.popleft()
