"""Background work that leaves the processor to others."""

from __future__ import annotations

import time
from collections.abc import Callable


class Throttle:
    """Sleeps so long that a process takes this share of one core, counted by its processor time."""

    def __init__(
        self,
        share: float,
        busy: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._share, self._busy, self._clock, self._sleep = share, busy, clock, sleep
        self._last = busy(), clock()

    def __call__(self) -> None:
        """Call after each piece of work; waiting for others is no credit for later."""
        busy, now = self._busy(), self._clock()
        due = (busy - self._last[0]) / self._share - (now - self._last[1])
        if due > 0:
            self._sleep(due)
        self._last = self._busy(), self._clock()
