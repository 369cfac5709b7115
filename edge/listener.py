"""Who hears what becomes of frames: the log, the metrics, the lights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge.camera import Frame
from edge.errors import Problem

Event = dict[str, Any]
"""The event of a frame, as the gateway answered it."""


class Listener:
    """Hears everything and does nothing; a listener overrides what it wants to hear.

    Called in the thread where it happens: `captured`, `taken` and `lost` in the camera's, the rest in the uploader's. A
    listener returns at once; what takes time is its own thread's business.
    """

    def captured(self, frame: Frame, milliseconds: float) -> None:
        """The picture is made, so long after its trigger; it is not on disk yet."""

    def taken(self, frame: Frame, milliseconds: float) -> None:
        """The frame is on disk, so long after its trigger."""

    def lost(self, camera_id: str, reason: str) -> None:
        """A trigger fired, and there is no frame."""

    def sending(self, frame: Frame) -> None:
        """The frame is about to be sent, for the first time or again."""

    def answered(self, frame: Frame, event: Event, milliseconds: float) -> None:
        """The gateway has the frame; the time runs from capture to the parsed answer."""

    def refused(self, frame: Frame, problem: Problem) -> None:
        """The gateway will never take the frame; it lies in `refused/`."""

    def waiting(self, frame: Frame, problem: Problem, pause_s: float) -> None:
        """The frame stays in the spool and is tried again after the pause, in seconds."""


class Listeners(Listener):
    """Passes everything on, in the order given."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def captured(self, frame: Frame, milliseconds: float) -> None:
        for each in self._listeners:
            each.captured(frame, milliseconds)

    def taken(self, frame: Frame, milliseconds: float) -> None:
        for each in self._listeners:
            each.taken(frame, milliseconds)

    def lost(self, camera_id: str, reason: str) -> None:
        for each in self._listeners:
            each.lost(camera_id, reason)

    def sending(self, frame: Frame) -> None:
        for each in self._listeners:
            each.sending(frame)

    def answered(self, frame: Frame, event: Event, milliseconds: float) -> None:
        for each in self._listeners:
            each.answered(frame, event, milliseconds)

    def refused(self, frame: Frame, problem: Problem) -> None:
        for each in self._listeners:
            each.refused(frame, problem)

    def waiting(self, frame: Frame, problem: Problem, pause_s: float) -> None:
        for each in self._listeners:
            each.waiting(frame, problem, pause_s)
