"""An output pin that is on for a while, and what a light and a relay make of it."""

from __future__ import annotations

import time
from threading import Condition, Thread
from typing import Any

import structlog

from edge.drivers.pins import opened_pin
from edge.errors import FeedbackUnusable

log = structlog.get_logger(__name__)

_JOIN_S = 1.0


class Pulse:
    """Switches a pin on for `seconds`, or on and off so many times in them, in a thread of its own.

    A new start cuts the one before short, so that the newest counts.
    """

    def __init__(
        self,
        thing: str,
        pin: int | str,
        *,
        seconds: float,
        blinks: int = 0,
        active_high: bool = True,
        factory: object | None = None,
    ) -> None:
        """Take the pin, switched off. Raises FeedbackUnusable."""
        self._steps = steps(seconds, blinks)
        self._thing = thing
        self._device: Any = opened_pin(
            thing,
            pin,
            FeedbackUnusable,
            lambda gpiozero: gpiozero.DigitalOutputDevice(
                pin, active_high=active_high, initial_value=False, pin_factory=factory
            ),
        )
        self._started = self._played = 0
        self._closed = False
        self._change = Condition()
        self._thread = Thread(target=self._run, name=f"{thing}-{pin}", daemon=True)
        self._thread.start()

    def start(self) -> None:
        """Begin now, and return at once."""
        with self._change:
            self._started += 1
            self._change.notify()

    def close(self) -> None:
        """Switch off and give the pin back."""
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join(_JOIN_S)
        self._device.close()

    def _run(self) -> None:
        with self._change:
            while not self._closed:
                self._change.wait_for(self._is_interrupted)
                self._played = self._started
                if not self._closed:
                    self._play()
            self._switch(False)

    def _is_interrupted(self) -> bool:
        return self._closed or self._started > self._played

    def _play(self) -> None:
        # The times are counted from the start, so that blinking does not grow slower than it was set.
        end_s = time.monotonic()
        for is_on, seconds in self._steps:
            self._switch(is_on)
            end_s += seconds
            if self._change.wait_for(self._is_interrupted, max(0.0, end_s - time.monotonic())):
                return
        self._switch(False)

    def _switch(self, is_on: bool) -> None:
        try:
            self._device.value = is_on
        except Exception:
            # Each pin library has errors of its own; the next start may have more luck.
            log.exception("output.failed", output=self._thing, on=is_on)


def steps(seconds: float, blinks: int) -> tuple[tuple[bool, float], ...]:
    """Return what a pin does and for how long each: on for all the seconds, or on and off in equal parts."""
    if not blinks:
        return ((True, seconds),)
    half_s = seconds / blinks / 2
    return ((True, half_s), (False, half_s)) * blinks
