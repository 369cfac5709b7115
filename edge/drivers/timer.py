"""A picture every so many seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from threading import Event

from edge.trigger import Firing

_LONGEST_WAIT_S = 86_400.0
"""No system waits for ever in one go."""


def next_due_s(start_s: float, every_s: float, now_s: float) -> float:
    """Return the first multiple of `every_s` after the start that is still to come; missed ones are left out."""
    return start_s + (math.floor((now_s - start_s) / every_s) + 1) * every_s


class TimerTrigger:
    """Fires every `every_s` seconds, the first time that long after its start.

    The times are multiples of the interval, so that they do not drift; after a sleep of the box, or a slow consumer,
    it goes on at the next multiple and does not catch up.
    """

    def __init__(self, every_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock

    def firings(self, stop: Event) -> Iterator[Firing]:
        start_s = self._clock()
        due_s = start_s + self._every_s
        while not stop.wait(min(_LONGEST_WAIT_S, max(0.0, due_s - self._clock()))):
            now_s = self._clock()
            if now_s >= due_s:
                yield Firing("timer", now_s)
                due_s = next_due_s(start_s, self._every_s, self._clock())

    def close(self) -> None:
        """Nothing is held."""
