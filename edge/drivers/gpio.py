"""A push button on a GPIO pin."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from edge.errors import TriggerUnusable
from edge.trigger import TriggerKind

_STOP_CHECK_S = 0.2


class ButtonTrigger:
    """Fires on the first edge of a press; whatever follows within `debounce_s` seconds of an edge is bounce.

    We debounce here and not with gpiozero's `bounce_time`, because some pin factories wait for a quiet line before
    they report the press, which costs the visitor that time, and because a release that bounces must not fire either.
    """

    def __init__(
        self,
        pin: int | str,
        *,
        pull_up: bool = True,
        debounce_s: float = 0.05,
        factory: object | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._presses: SimpleQueue[TriggerKind] = SimpleQueue()
        self._debounce_s = debounce_s
        self._clock = clock
        self._last_edge_s = float("-inf")
        self._button = _button(pin, pull_up, factory)
        self._button.when_pressed = self._pressed
        self._button.when_released = self._edge_is_quiet

    def firings(self, stop: Event) -> Iterator[TriggerKind]:
        while not stop.is_set():
            try:
                yield self._presses.get(timeout=_STOP_CHECK_S)
            except Empty:
                continue

    def close(self) -> None:
        self._button.close()

    def _pressed(self) -> None:
        if self._edge_is_quiet():
            self._presses.put("button")

    def _edge_is_quiet(self) -> bool:
        now = self._clock()
        quiet = now - self._last_edge_s >= self._debounce_s
        self._last_edge_s = now
        return quiet


def _button(pin: int | str, pull_up: bool, factory: object | None) -> Any:
    try:
        import gpiozero  # type: ignore[import-untyped]  # it ships no types
    except ImportError as error:
        raise TriggerUnusable("gpiozero is not installed", "install gpiozero and lgpio, or replay a folder") from error
    try:
        return gpiozero.Button(pin, pull_up=pull_up, pin_factory=factory)
    except gpiozero.GPIOZeroError as error:
        raise TriggerUnusable(f"pin {pin} cannot be a button: {error}", "check trigger.pin and the wiring") from error
