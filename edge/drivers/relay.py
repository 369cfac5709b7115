"""A relay on a GPIO pin, such as that of a door opener."""

from __future__ import annotations

import structlog

from edge.cue import Cue, Once
from edge.drivers.pulse import Pulse
from edge.settings.triggers import RelaySettings

log = structlog.get_logger(__name__)


class Relay:
    """Closes at a cue, once for each frame however often its answer comes, and never for an answer that came late.

    A frame is delivered at least once, so its answer may come twice; and what waited in the spool is answered when the
    visitor has long gone. A cue while it is closed keeps it closed for `seconds` from then.
    """

    def __init__(self, settings: RelaySettings, factory: object | None = None) -> None:
        """Take the pin. Raises FeedbackUnusable."""
        self._once = Once()
        self._pulse = Pulse(
            "relay",
            settings.pin,
            seconds=settings.seconds,
            active_high=settings.active_high,
            factory=factory,
        )

    def react(self, cue: Cue) -> None:
        if not cue.is_fresh or (cue.frame_id and not self._once.is_first(cue.frame_id)):
            log.info("relay.held_back", frame_id=cue.frame_id, moment=cue.moment, fresh=cue.is_fresh)
            return
        log.info("relay.closed", frame_id=cue.frame_id, camera=cue.camera_id, moment=cue.moment)
        self._pulse.start()

    def close(self) -> None:
        self._pulse.close()
