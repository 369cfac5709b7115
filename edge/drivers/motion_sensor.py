"""A passive infrared sensor on a GPIO pin."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge.drivers.pins import PinTrigger, Presses, input_device


class MotionSensorTrigger(PinTrigger):
    """Fires when the sensor's output goes high, and not again before it was low for `debounce_s` seconds.

    The pin is pulled down, so that a sensor that is not plugged in is silent. Most of these sensors fire at random in
    the first minute after they got their power.
    """

    def __init__(
        self,
        pin: int | str,
        *,
        debounce_s: float = 0.05,
        factory: object | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the pin. Raises TriggerUnusable."""
        device = input_device("motion sensor", pin, pull_up=False, factory=factory)
        super().__init__(device, "motion", Presses(debounce_s), clock)
