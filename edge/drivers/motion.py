"""Motion in the picture of one camera."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Protocol

import structlog

from edge.drivers.motion_detector import MotionDetector
from edge.errors import CameraFailed
from edge.pictures.shots import Shot
from edge.trigger import Firing

log = structlog.get_logger(__name__)

_LONGEST_WAIT_S = 0.5
_FORGET_S = 10.0
"""After so long without a picture the scene is another one: the camera was moved, or the day has broken."""


class Looks(Protocol):
    """A camera that one can look through without taking a picture."""

    def newest(self, after_s: float, timeout_s: float) -> Shot | None:
        """Return a picture later than `after_s`, waiting for it; None when there is none in time."""
        ...


class MotionTrigger:
    """Looks through the camera so many times a second and fires when the detector saw motion.

    A firing is dated by the picture that shows the motion. It fires again every second look while the motion goes on:
    `min_interval_s` is what keeps a visitor from being photographed ten times. Without a picture nothing fires; when
    the camera comes back after some seconds, the background is learnt anew.
    """

    def __init__(
        self,
        camera_id: str,
        looks: Looks,
        detector: MotionDetector,
        looks_per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._camera_id = camera_id
        self._looks = looks
        self._detector = detector
        self._interval_s = 1.0 / looks_per_second
        self._clock = clock

    def firings(self, stop: Event) -> Iterator[Firing]:
        last_s = due_s = self._clock()
        while not stop.wait(max(0.0, due_s - self._clock())):
            # A late look is not made up for.
            due_s = max(due_s, self._clock() - self._interval_s) + self._interval_s
            shot = self._next(last_s)
            if shot is None:
                continue
            if shot.at_s - last_s > _FORGET_S:
                log.info("motion.relearning", camera=self._camera_id, gap_s=round(shot.at_s - last_s, 1))
                self._detector.relearn()
            last_s = shot.at_s
            if self._detector.look(shot.pixels):
                log.debug("motion.seen", camera=self._camera_id, share=round(self._detector.changed, 3))
                yield Firing("motion", shot.at_s, (self._camera_id,))

    def close(self) -> None:
        """The camera is not ours to close."""

    def _next(self, after_s: float) -> Shot | None:
        try:
            return self._looks.newest(after_s, _LONGEST_WAIT_S)
        except CameraFailed:
            # The camera itself tells that it failed, once, and when it is back.
            return None
