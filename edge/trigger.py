"""What makes a camera take a picture."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Literal, Protocol

TriggerKind = Literal["button", "motion", "manual"]


class Trigger(Protocol):
    """Fires each time a picture is due."""

    def firings(self, stop: Event) -> Iterator[TriggerKind]:
        """Yield one kind for each picture due; end when `stop` is set or nothing more can fire."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...
