"""Who uses the API at present."""

from __future__ import annotations

import time
from collections.abc import Callable

ACTIVE_SECONDS = 300.0


class Sessions:
    """API keys that asked within five minutes; there are no more of them than there are keys.

    `clock` is monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[str, float] = {}

    def asked(self, key_id: str) -> None:
        """A request came with this key."""
        self._asked[key_id] = self._clock()

    def active(self) -> int:
        """How many there are now; called by one thread."""
        since = self._clock() - ACTIVE_SECONDS
        for key_id, at in list(self._asked.items()):
            if at < since:
                self._asked.pop(key_id, None)
        return len(self._asked)
