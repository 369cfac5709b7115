"""Which of the frames are kept for a replay: so many a minute, and none while one is being written."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from cluster.security.keyring import KeyringError
from serve_apps.events.event import Event
from serve_apps.gallery.crops import CropsUnavailable

log = logging.getLogger(__name__)


class Sampling:
    """Of one gateway; `due` and `take` are called by its event loop, keeping is done in a thread by `submit`.

    Times between two frames vary by half, or a camera that sends as regularly would be all that is ever seen.
    `clock` is monotonic seconds, `chance` gives 0 to 1.
    """

    def __init__(
        self,
        keep: Callable[[bytes, Event], None],
        submit: Callable[..., object],
        per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._keep = keep
        self._submit = submit
        self._seconds = 60 / per_minute if per_minute else float("inf")
        self._clock = clock
        self._chance = chance
        self._next = clock() if per_minute else float("inf")
        self._busy = False

    def due(self) -> bool:
        """Whether the frame that was just answered is to be taken; the next one is due later."""
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + self._seconds * (0.5 + self._chance())
        return not self._busy

    async def take(self, image: bytes, event: Event) -> None:
        """Have a frame kept; returns before it is."""
        self._busy = True
        self._submit(self._kept, image, event)

    def _kept(self, image: bytes, event: Event) -> None:
        try:
            self._keep(image, event)
        except (SQLAlchemyError, CropsUnavailable, KeyringError) as error:
            log.warning("recent_frames.dropped event=%s: %s", event.id, type(error).__name__)
        finally:
            self._busy = False
