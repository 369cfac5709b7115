"""What makes a camera take a picture."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Literal, Protocol

TriggerKind = Literal["button", "motion", "timer", "manual"]


class Fate(Protocol):
    """Somebody who waits to hear what became of a firing; called once for each camera, in that camera's thread."""

    def taken(self, camera_id: str, frame_id: str) -> None:
        """The frame is on disk, and will reach the cluster."""
        ...

    def lost(self, camera_id: str, reason: str) -> None:
        """There is no frame."""
        ...


@dataclass(frozen=True, slots=True)
class Firing:
    """One wish for a picture: of these cameras, or of all that the trigger is for where none is named.

    `at_s` is the monotonic clock at the very press, before any debouncing, holding or queueing.
    """

    kind: TriggerKind
    at_s: float = field(default_factory=time.monotonic)
    cameras: tuple[str, ...] = ()
    fate: Fate | None = None


class Trigger(Protocol):
    """Fires each time a picture is due."""

    def firings(self, stop: Event) -> Iterator[Firing]:
        """Yield one firing for each picture due; end soon after `stop` is set, or when nothing more can fire."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...
