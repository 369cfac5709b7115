"""Drains the spool into the gateway, oldest frame first."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event as StopEvent
from typing import Protocol

from edge.backoff import Backoff
from edge.camera import Frame
from edge.errors import KeyRefused, NotDelivered, Problem, Refused
from edge.gateway import Event, Gateway
from edge.spool import Entry, Spool

DEFAULT_BACKOFF = Backoff()


class Listener(Protocol):
    """Hears what becomes of each frame, in the upload thread; `frame` is its label, or its id where it has none."""

    def answered(self, frame: str, event: Event, milliseconds: float) -> None:
        """The gateway has the frame; the time runs from capture to the parsed answer."""
        ...

    def refused(self, frame: str, problem: Problem) -> None:
        """The gateway will never take the frame; it lies in `refused/`."""
        ...

    def waiting(self, frame: str, problem: Problem, pause_s: float) -> None:
        """The frame stays in the spool and is tried again after the pause, in seconds."""
        ...


@dataclass
class _Failures:
    """The failures in a row since the last answer."""

    count: int = 0
    since_s: float = 0.0

    def add(self, tried_s: float) -> None:
        self.since_s = self.since_s if self.count else tried_s
        self.count += 1


class Uploader:
    """Sends what waits; gives up on the gateway after `patience_s` seconds without an answer, by default never."""

    def __init__(
        self,
        gateway: Gateway,
        spool: Spool,
        listener: Listener,
        *,
        backoff: Backoff = DEFAULT_BACKOFF,
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
        self._patience_s = patience_s
        self._sleep = sleep
        self._chance = chance
        self._clock = clock

    def connect(self) -> bool:
        """Open the connection ahead of the first frame; return whether anybody answered."""
        return self._gateway.connect()

    def drain(self, stop: StopEvent) -> None:
        """Send until the spool is empty, `stop` is set, or the patience is used up. Raises SpoolUnusable."""
        failures = _Failures()
        while not stop.is_set() and not self.gave_up and (waiting := self.spool.oldest()):
            tried_s = self._clock()
            try:
                self._send(*waiting)
                failures = _Failures()
            except NotDelivered as failure:
                failures.add(tried_s)
                self._pause(waiting[1], failure, failures, stop)

    def _send(self, entry: Entry, frame: Frame) -> None:
        try:
            event = self._gateway.post(frame)
        except Refused as refusal:
            self.spool.refuse(entry, refusal.problem)
            self._listener.refused(_name(frame), refusal.problem)
            return
        # Told first, forgotten second: a crash in between repeats an answer, the other order would lose it.
        self._listener.answered(_name(frame), event, self._milliseconds_since_capture(entry, frame))
        self.spool.done(entry)

    def _pause(self, frame: Frame, failure: NotDelivered, failures: _Failures, stop: StopEvent) -> None:
        pause_s = self._pause_s(failure, failures.count)
        self._listener.waiting(_name(frame), failure.problem, pause_s)
        self.gave_up = self._clock() + pause_s - failures.since_s > self._patience_s
        if not self.gave_up:
            self._sleep(stop, pause_s)

    def _pause_s(self, failure: NotDelivered, failures: int) -> float:
        if isinstance(failure, KeyRefused):
            return self._backoff.key_refused_s
        return self._backoff.pause_s(failures, self._chance(), failure.retry_after_s)

    def _milliseconds_since_capture(self, entry: Entry, frame: Frame) -> float:
        if entry.captured_s is not None:
            return (self._clock() - entry.captured_s) * 1000.0
        # A frame of an earlier process: only the wall clock spans both, and it may have been set in between.
        return max(0.0, (datetime.now(UTC) - frame.captured_at).total_seconds() * 1000.0)


def _name(frame: Frame) -> str:
    return frame.label or frame.frame_id
