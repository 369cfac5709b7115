"""Several triggers at once, none more often than it may."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import Literal

import structlog

from edge.errors import TriggerUnusable
from edge.trigger import Firing, Trigger, TriggerKind

log = structlog.get_logger(__name__)

Suppression = Literal["too soon", "queue full", "stopping"]
WiredTrigger = tuple[Trigger, tuple[str, ...], float]
"""A trigger, the cameras it fires where a firing names none, and its `min_interval_s`."""

_STOP_CHECK_S = 0.2
_JOIN_S = 1.0
_QUEUE = 32


class RateLimit:
    """At most one firing in `min_interval_s` seconds for each camera."""

    def __init__(self, min_interval_s: float) -> None:
        self._min_interval_s = min_interval_s
        self._last_s: dict[str, float] = {}

    def wait_s(self, camera_id: str, now_s: float) -> float:
        """Return the seconds until this camera may be fired again, 0 if it may now."""
        last_s = self._last_s.get(camera_id, float("-inf"))
        return max(0.0, last_s + self._min_interval_s - now_s)

    def note(self, cameras: Sequence[str], now_s: float) -> None:
        """Count from now for these cameras."""
        self._last_s.update(dict.fromkeys(cameras, now_s))


class Firings:
    """Runs each trigger in a thread of its own and passes on what they fire; a Trigger itself.

    Every firing that comes out names its cameras. One that comes too soon after the last of the same trigger and
    camera is suppressed, and so is one that finds the queue full because nobody takes pictures any more; both are
    counted and told to the firing's Fate. A trigger that fails is logged and ends alone.
    """

    def __init__(
        self,
        triggers: Sequence[WiredTrigger],
        *,
        longest_queue: int = _QUEUE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take over the triggers: `close` closes them."""
        self._fired: Counter[TriggerKind] = Counter()
        self._suppressed: Counter[tuple[TriggerKind, Suppression]] = Counter()
        self._triggers = tuple(triggers)
        self._queue: Queue[Firing | None] = Queue(longest_queue)
        self._clock = clock
        self._guard = Lock()
        self._stop = Event()
        self._threads: list[Thread] = []
        self._failures: list[str] = []

    @property
    def fired(self) -> Counter[TriggerKind]:
        """Firings by kind until now, each counted once for every camera."""
        with self._guard:
            return self._fired.copy()

    @property
    def suppressed(self) -> Counter[tuple[TriggerKind, Suppression]]:
        """Firings that were held back until now, by kind and reason."""
        with self._guard:
            return self._suppressed.copy()

    def firings(self, stop: Event) -> Iterator[Firing]:
        """Yield until `stop` is set or all triggers have ended. Raises TriggerUnusable when the last had failed."""
        with self._guard:
            if self._stop.is_set():
                return
            self._threads = [
                Thread(target=self._run, args=(number,), name=f"trigger-{number + 1}", daemon=True)
                for number in range(len(self._triggers))
            ]
            for thread in self._threads:
                thread.start()
        try:
            while not stop.is_set():
                # The order matters: what a thread fired before it ended is in the queue by now.
                ended = not any(thread.is_alive() for thread in self._threads)
                firing = self._next(0.0 if ended else _STOP_CHECK_S)
                if firing is not None:
                    yield firing
                elif ended and self._queue.empty():
                    break
        finally:
            self._stop.set()
            self._suppress_the_rest()
        if self._failures and not stop.is_set():
            raise TriggerUnusable(
                f"no trigger works any more: {self._failures[-1]}", "see the log above and start again"
            )

    def close(self) -> None:
        """End all triggers and give their devices back."""
        with self._guard:
            self._stop.set()
        with ExitStack() as still_open:
            still_open.callback(self._suppress_the_rest)
            for thread in self._threads:
                still_open.callback(thread.join, _JOIN_S)
            for trigger, _, _ in self._triggers:
                still_open.callback(trigger.close)

    def _next(self, timeout_s: float) -> Firing | None:
        try:
            return self._queue.get(timeout=timeout_s) if timeout_s else self._queue.get_nowait()
        except Empty:
            return None

    def _run(self, number: int) -> None:
        trigger, cameras, min_interval_s = self._triggers[number]
        limit = RateLimit(min_interval_s)
        try:
            for firing in trigger.firings(self._stop):
                self._pass_on(firing, firing.cameras or cameras, limit)
        except Exception as error:
            # One broken trigger must not silence the others.
            if not self._stop.is_set():
                self._failures.append(f"{type(trigger).__name__}: {error}")
                log.exception("trigger.failed", trigger=type(trigger).__name__, number=number + 1)
        finally:
            # Wakes the consumer, who otherwise sees at the next check that this thread has ended.
            with suppress(Full):
                self._queue.put_nowait(None)

    def _pass_on(self, firing: Firing, cameras: tuple[str, ...], limit: RateLimit) -> None:
        now_s = self._clock()
        waits = {camera: limit.wait_s(camera, now_s) for camera in cameras}
        due = tuple(camera for camera, wait_s in waits.items() if not wait_s)
        for camera, wait_s in waits.items():
            if wait_s:
                self._suppress(firing, camera, "too soon", f"it just fired, again after {wait_s:.1f} s")
        if not due:
            return
        passed = Firing(firing.kind, firing.at_s, due, firing.fate)
        if self._stop.is_set():
            self._suppress_all(passed, "stopping")
            return
        try:
            self._queue.put_nowait(passed)
        except Full:
            self._suppress_all(passed, "queue full")
            return
        limit.note(due, now_s)
        with self._guard:
            self._fired[firing.kind] += len(due)

    def _suppress_the_rest(self) -> None:
        with suppress(Empty):
            while True:
                firing = self._queue.get_nowait()
                if firing is not None:
                    self._suppress_all(firing, "stopping")

    def _suppress_all(self, firing: Firing, reason: Suppression) -> None:
        told = {"stopping": "the box stops", "queue full": "no picture is taken any more, the queue is full"}
        for camera in firing.cameras:
            self._suppress(firing, camera, reason, told[reason])

    def _suppress(self, firing: Firing, camera: str, reason: Suppression, told: str) -> None:
        with self._guard:
            self._suppressed[firing.kind, reason] += 1
        tell = log.warning if reason == "queue full" else log.debug
        tell("trigger.suppressed", kind=firing.kind, camera=camera, reason=reason)
        if firing.fate is not None:
            firing.fate.lost(camera, told)
