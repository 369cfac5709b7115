"""A light on a GPIO pin."""

from __future__ import annotations

from edge.cue import Cue
from edge.drivers.pulse import Pulse
from edge.settings.triggers import LedSettings


class Led:
    """Shines or blinks at each cue; the newest one counts."""

    def __init__(self, settings: LedSettings, factory: object | None = None) -> None:
        """Take the pin. Raises FeedbackUnusable."""
        self._pulse = Pulse(
            "light",
            settings.pin,
            seconds=settings.seconds,
            blinks=settings.blinks,
            active_high=settings.active_high,
            factory=factory,
        )

    def react(self, cue: Cue) -> None:
        self._pulse.start()

    def close(self) -> None:
        self._pulse.close()
