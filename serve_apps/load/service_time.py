"""How long a frame takes a replica."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class ServiceTime:
    """Mean seconds of a replica's time for a frame; of older frames less and less counts. Used by one thread."""

    def __init__(self, remembered: int = 100) -> None:
        self._remembered = remembered
        self._frames = 0
        self.seconds: float | None = None

    def of(self, frames: int, call: Callable[..., T], *arguments: object) -> T:
        """What the call gives, timed; a call that raises is timed too."""
        began = time.perf_counter()
        try:
            return call(*arguments)
        finally:
            self._took((time.perf_counter() - began) / max(1, frames))

    def _took(self, seconds: float) -> None:
        self._frames += 1
        known = self.seconds if self.seconds is not None else seconds
        self.seconds = known + (seconds - known) / min(self._frames, self._remembered)
