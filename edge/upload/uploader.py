"""Drains the spool into the gateway, each camera's frames in order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event as StopEvent

from edge.camera import Frame
from edge.errors import KeyRefused, NotDelivered, Problem, Refused
from edge.listener import Listener
from edge.spool.entry import Entry
from edge.spool.queue import Spool
from edge.upload.backoff import Backoff
from edge.upload.clock import boot_clock
from edge.upload.connection import UNANSWERED, problem
from edge.upload.gateway import Gateway
from edge.upload.order import Held, acquitted, held, next_entry

DEFAULT_BACKOFF = Backoff()
NOT_OF_THE_FRAME = frozenset({401, 403, 407, 408, 425, 429, 502, 503, 504, 511})
"""Statuses that any frame would get: the key, the load, somebody on the way."""
UNANSWERED_AFTER = 8
"""After so many failures in a row a frame that is sent and never answered may be what breaks the line."""
_LOOK_S = 0.1
"""How often a pause looks for something new that may go."""


@dataclass
class _Failures:
    """The failures in a row since the last answer, and the pause after them; times on the monotonic clock."""

    count: int = 0
    since_s: float = 0.0
    until_s: float = 0.0
    ends_by_news: bool = False
    newest: int = 0
    tried_s: float = 0.0

    def add(self, tried_s: float) -> None:
        self.since_s = self.since_s if self.count else tried_s
        self.tried_s = tried_s
        self.count += 1


class Uploader:
    """Sends what waits; gives up on the gateway after `patience_s` seconds without an answer, by default never.

    For `newest_first_after_s` see `edge.upload.order`.
    """

    def __init__(
        self,
        gateway: Gateway,
        spool: Spool,
        listener: Listener,
        *,
        backoff: Backoff = DEFAULT_BACKOFF,
        newest_first_after_s: float | None = None,
        patience_s: float = float("inf"),
        sleep: Callable[[StopEvent, float], object] = StopEvent.wait,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spool = spool
        self.gave_up = False
        self._gateway = gateway
        self._listener = listener
        self._backoff = backoff
        self._newest_first_after_s = newest_first_after_s
        self._patience_s = patience_s
        self._sleep = sleep
        self._chance = chance
        self._clock = clock
        self._failures = _Failures()
        self._accepted = 0
        self._held: dict[int, Held] = {}

    def connect(self) -> bool:
        """Open the connection ahead of the first frame; return whether anybody answered."""
        return self._gateway.connect()

    def close(self) -> None:
        """Cut off what is on its way, from any thread; it stays in the spool."""
        self._gateway.close()

    def drain(self, stop: StopEvent) -> None:
        """Send until the spool is empty, `stop` is set, or the patience is used up."""
        while not stop.is_set() and not self.gave_up and (waiting := self.spool.entries()):
            entry = self._next(waiting)
            if entry is None:
                self._sleep(stop, _LOOK_S)
            else:
                self._try(entry, waiting[-1].number)

    def _next(self, waiting: list[Entry]) -> Entry | None:
        now_s, failures = self._clock(), self._failures
        if now_s < failures.until_s and not (
            # Somebody is at the door: a network that gave no answer a while ago is worth a try.
            failures.ends_by_news
            and waiting[-1].number > failures.newest
            and now_s - failures.tried_s >= self._backoff.first_s
        ):
            return None
        return next_entry(
            waiting,
            self._held,
            now_s,
            newest_first_after_s=self._newest_first_after_s,
            waited_s=self.spool.waited_s,
        )

    def _try(self, entry: Entry, newest: int) -> None:
        tried_s = self._clock()
        frame = self.spool.read(entry)
        if frame is None:
            return
        self._listener.sending(frame)
        try:
            event = self._gateway.post(frame)
        except Refused as refusal:
            self._succeeded(entry)
            self._refuse(entry, frame, refusal.problem)
        except NotDelivered as failure:
            self._failures.add(tried_s)
            self._failures.newest = newest
            self._postpone(entry, frame, failure)
        else:
            self._accepted += 1
            self._succeeded(entry)
            self._held = acquitted(self._held)
            # Told first, forgotten second: a crash in between repeats an answer, the other order would lose it.
            self._listener.answered(frame, event, self._milliseconds_since_capture(entry, frame))
            self.spool.done(entry)

    def _succeeded(self, entry: Entry) -> None:
        self._failures = _Failures()
        self._held.pop(entry.number, None)

    def _postpone(self, entry: Entry, frame: Frame, failure: NotDelivered) -> None:
        pause_s = hold_s = self._pause_s(failure, self._failures.count)
        if self._is_of_the_frame(entry, failure.problem):
            hold = self._hold(entry)
            if hold.is_poison(self._clock()):
                self._refuse(entry, frame, _given_up(failure.problem, hold, self._clock()))
                return
            # The first failure may be this frame's alone: others need not wait for it.
            alone = self._failures.count == 1
            pause_s = failure.retry_after_s or 0.0 if alone else self._pause_s(failure, self._failures.count - 1)
            hold_s = max(pause_s, hold.due_s - self._clock())
        self._failures.until_s = self._clock() + pause_s
        self._failures.ends_by_news = "status" not in failure.problem
        self._listener.waiting(frame, failure.problem, hold_s)
        self.gave_up = self._clock() + hold_s - self._failures.since_s > self._patience_s

    def _is_of_the_frame(self, entry: Entry, failure: Problem) -> bool:
        if "status" in failure:
            return failure["status"] not in NOT_OF_THE_FRAME
        suspect = entry.number in self._held or self._failures.count >= UNANSWERED_AFTER
        return suspect and failure["title"] == UNANSWERED

    def _pause_s(self, failure: NotDelivered, failures: int) -> float:
        if isinstance(failure, KeyRefused):
            return self._backoff.key_refused_s
        return self._backoff.pause_s(failures, self._chance(), failure.retry_after_s)

    def _hold(self, entry: Entry) -> Held:
        waiting = {each.number for each in self.spool.entries()}
        self._held = {number: each for number, each in self._held.items() if number in waiting}
        hold = held(self._held.get(entry.number), self._clock(), self._accepted, self._chance())
        self._held[entry.number] = hold
        return hold

    def _refuse(self, entry: Entry, frame: Frame, reason: Problem) -> None:
        self._listener.refused(frame, reason)
        self.spool.refuse(entry, reason)

    def _milliseconds_since_capture(self, entry: Entry, frame: Frame) -> float:
        if entry.captured_s is not None:
            return (self._clock() - entry.captured_s) * 1000.0
        boot_id, boot_s = boot_clock()
        if frame.boot_id and frame.boot_id == boot_id:
            return (boot_s - frame.boot_s) * 1000.0
        # A frame of an earlier boot: only the wall clock spans both, and it may have been set in between.
        return max(0.0, (datetime.now(UTC) - frame.captured_at).total_seconds() * 1000.0)


def _given_up(last: Problem, hold: Held, now_s: float) -> Problem:
    told = f"{hold.failures} tries in {(now_s - hold.first_s) / 3600.0:.1f} hours, while other frames went through"
    return problem("given up", f"{told}; the last: {last.get('title')}: {last.get('detail')}", last.get("status"))
