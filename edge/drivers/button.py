"""A push button on a GPIO pin."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge.drivers.pins import PinTrigger, Presses, input_device


class ButtonTrigger(PinTrigger):
    """Fires on the first edge of a press, or once the button was held for `hold_s` seconds; dated by the first edge.

    We debounce here and not with gpiozero's `bounce_time`, because some pin factories wait for a quiet line before
    they report the press, which costs the visitor that time, and because a release that bounces must not fire either.
    A button that is down already when the box starts does not fire before its next press.
    """

    def __init__(
        self,
        pin: int | str,
        *,
        pull_up: bool = True,
        debounce_s: float = 0.05,
        hold_s: float = 0.0,
        factory: object | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the pin. Raises TriggerUnusable."""
        device = input_device("button", pin, pull_up=pull_up, factory=factory)
        super().__init__(device, "button", Presses(debounce_s, hold_s), clock)
