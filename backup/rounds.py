"""Jobs done again and again by one thread. What was done last is asked of the repository, so any process can go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backup.errors import Busy
from backup.schedule import Cadence, due_in, pause_after

log = logging.getLogger(__name__)

IDLE_SECONDS = 3600.0
LEEWAY = 1.5
"""The next one may take so many times as long as the last, and still ends in time."""

YIELDING = 10
"""Niceness of whoever takes snapshots: a visitor comes first."""


@dataclass(frozen=True, slots=True)
class Job:
    """`age` says how many seconds ago it was done last, by whomever; None for never. Both may raise."""

    name: str
    cadence: Cadence
    run: Callable[[], None]
    age: Callable[[], float | None]


class Rounds:
    """`failed` is told of every failure; `clock` runs forward only."""

    def __init__(
        self, jobs: Sequence[Job], failed: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._turns = [_Turn(job) for job in jobs]
        self._failed = failed
        self._clock = clock

    def round(self) -> float:
        """Do what is due, and say how many seconds there are until the next. Raises nothing."""
        for turn in self._turns:
            if turn.wait(self._clock()) <= 0:
                self._take(turn)
        now = self._clock()
        return min((turn.wait(now) for turn in self._turns), default=IDLE_SECONDS)

    def _take(self, turn: _Turn) -> None:
        began = self._clock()
        try:
            turn.take(began, self._clock)
        except Busy as error:
            log.info("backup.waits %s: %s", turn.job.name, error)
            turn.leave(self._clock())
        except Exception as error:
            # The outermost loop: what failed is tried again, and an alert goes by the age of what was done.
            log.error("backup.failed %s: %s", turn.job.name, " ".join(str(error).split()) or type(error).__name__)
            turn.leave(self._clock())
            self._failed(turn.job.name)


class _Turn:
    """A job with what this process knows of it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._asked = False
        self._done_at: float | None = None
        self._not_before = 0.0
        self._failures = 0
        self._took = 0.0

    def wait(self, now: float) -> float:
        if not self._asked:
            return max(0.0, self._not_before - now)
        age = None if self._done_at is None else now - self._done_at
        return max(due_in(self.job.cadence, age, LEEWAY * self._took), self._not_before - now)

    def take(self, began: float, clock: Callable[[], float]) -> None:
        if not self._asked:
            age = self.job.age()
            self._asked, self._done_at = True, None if age is None else began - age
            if self.wait(began) > 0:
                return
        self.job.run()
        self._done_at, self._failures = began, 0
        self._took = clock() - began

    def leave(self, now: float) -> None:
        self._failures += 1
        self._not_before = now + pause_after(self.job.cadence, self._failures)
