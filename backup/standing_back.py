"""Work that gets the processor when nobody else wants it, as long as there is such time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar

import psutil

_T = TypeVar("_T")


class Behind(Protocol):
    """Does work when nobody else wants the processor. Not what others wait for: it might not come to its end."""

    def __call__(self, work: Callable[[], _T]) -> _T:
        """What `work` gives."""


def at_once(work: Callable[[], _T]) -> _T:
    """As the caller's own work."""
    return work()


ROOM = 0.2
"""Share of all cores that must have been nobody's. With less, work that always comes last might never come."""


class StandingBack:
    """Remembers how busy the processor was from one piece of work to the next; `times` are psutil's of all cores.

    At a niceness alone a frame that arrives waits for its turn: with snapshots one behind the other its 99th percentile
    was 1.2 to 1.6 times as high, with this 0.99 to 1.14 (two cores, a million events).
    """

    def __init__(self, times: Callable[[], Any] = psutil.cpu_times) -> None:
        self._times = times
        self._idle, self._all = _idle_and_all(times())

    @contextmanager
    def __call__(self) -> Iterator[Behind]:
        """What does one piece of work after the other, in a thread of its own: none may be called back from there."""
        if self._room() < ROOM:
            yield at_once
            return
        with ThreadPoolExecutor(1, "standing-back", initializer=_behind_all) as one:
            yield lambda work: one.submit(work).result()

    def _room(self) -> float:
        idle, whole = _idle_and_all(self._times())
        passed, unused = whole - self._all, idle - self._idle
        self._idle, self._all = idle, whole
        return unused / passed if passed > 0 else 0.0


def _behind_all() -> None:
    with suppress(AttributeError, OSError):  # where there is no such thing, or it is forbidden
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _idle_and_all(times: Any) -> tuple[float, float]:
    return times.idle, sum(times)
