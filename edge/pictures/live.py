"""A camera that is read all the time: the sharpest picture around a moment, and the newest for whoever watches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.camera import CameraState, Picture
from edge.errors import CameraFailed
from edge.pictures.picture import BEST_QUALITY, cropped, jpeg_within, scaled, sharpness
from edge.pictures.reader import LazySource, PixelSource, Reader
from edge.pictures.shots import SLACK_S, Shot, Shots, around
from edge.settings.cameras import PictureSettings

if TYPE_CHECKING:
    from cv2.typing import MatLike

__all__ = ["LazySource", "LiveCamera", "PixelSource", "Shot"]

PATIENCE_S = 3.0
"""How long a trigger waits for a picture: a USB camera takes one to two seconds from opening to the first."""
FAILED_PATIENCE_S = 2.0
"""How long it waits when the camera has failed, for one attempt to open it again: 1.0 to 1.2 s for a network camera
that is back, about as long for a USB camera."""


class LiveCamera:
    """A Camera whose thread reads the source all the time; opening happens in that thread, and raises nothing here.

    `look_for_face` says whether a face seems to be in the pixels that are sent, None where it cannot tell.
    `interrupt` makes a driver that waits for the network give up, when the camera is closed.
    `frozen_after_s` is None for a source that may well show the same picture for ever.
    """

    def __init__(
        self,
        camera_id: str,
        open_source: Callable[[], PixelSource],
        settings: PictureSettings,
        *,
        frozen_after_s: float | None = None,
        look_for_face: Callable[[MatLike], bool | None] | None = None,
        interrupt: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._camera_id = camera_id
        self._open_source = open_source
        self._settings = settings
        self._look_for_face = look_for_face
        self._quality = BEST_QUALITY
        self._warm = False
        keep_s = settings.before_s + settings.after_s
        self._reader = Reader(
            camera_id,
            self._opened,
            keep_s=keep_s + SLACK_S if keep_s else 0.0,
            frozen_after_s=frozen_after_s,
            measure=self._sharpness if keep_s else lambda shot: None,
            interrupt=interrupt,
            clock=clock,
        )

    @property
    def state(self) -> CameraState:
        """What is known of the camera now."""
        return self._reader.state

    @property
    def failure(self) -> CameraFailed | None:
        """Why the state is `failed`."""
        return self._reader.failure

    @property
    def restarts(self) -> int:
        """How often it was opened again after a failure."""
        return self._reader.restarts

    def capture(self, triggered_s: float) -> Picture:
        """Return the sharpest picture from `before_s` before the moment to `after_s` behind it.

        Without one in that time, the sharpest of those behind it; never an older one. Raises CameraFailed.
        """
        shots = self._shots_around(triggered_s)
        return self._picture_of(max(shots, key=self._sharpness) if len(shots) > 1 else shots[0])

    def newest(self, after_s: float, timeout_s: float) -> Shot | None:
        """Return the newest picture when it was read after that moment, or wait for one; None after the timeout."""

        def newer() -> Shot | None:
            shots = self._reader.shots
            return shots[-1] if shots and shots[-1].at_s > after_s else None

        return self._reader.wait_for(newer, lambda: timeout_s)

    def close(self) -> None:
        self._reader.close()

    def _picture_of(self, shot: Shot) -> Picture:
        pixels = scaled(cropped(shot.pixels, self._settings.crop), self._settings.longest_side)
        jpeg = jpeg_within(pixels, self._settings.max_bytes, self._quality)
        self._quality = jpeg.quality
        face = self._look_for_face(pixels) if self._look_for_face else None
        return Picture(jpeg.image, "image/jpeg", face=face, captured_s=shot.at_s)

    def _sharpness(self, shot: Shot) -> float:
        if shot.sharpness is None:
            shot.sharpness = sharpness(cropped(shot.pixels, self._settings.crop))
        return shot.sharpness

    def _opened(self) -> PixelSource:
        source = self._open_source()
        if not self._warm:
            self._warm = True
            self._warm_up()
        return source

    def _warm_up(self) -> None:
        """Do once what a capture does, so that the first visitor does not wait for libraries and weights to load."""
        import numpy as np

        self._picture_of(Shot(np.zeros((360, 640, 3), np.uint8), 0.0))
        self._quality = BEST_QUALITY

    def _shots_around(self, triggered_s: float) -> Shots:
        told, reader = self._settings, self._reader
        from_s, to_s = triggered_s - told.before_s, triggered_s + told.after_s
        found: Shots | None = around(reader.shots, from_s, to_s, complete=told.after_s > 0)
        if not found:
            reader.hurry()
            found = reader.wait_for(
                lambda: around(reader.shots, from_s, to_s, complete=told.after_s > 0) or None, self._patience_s
            )
        # A camera that fell silent in the middle may still have seen the visitor before.
        found = found or around(reader.shots, from_s, to_s, complete=False)
        if found:
            return found
        if failure := reader.failure:
            raise CameraFailed(failure.what, failure.way_out)
        raise CameraFailed(f"camera {self._camera_id} gave no picture after the trigger", "check its cable and power")

    def _patience_s(self) -> float:
        return FAILED_PATIENCE_S if self._reader.state == "failed" else PATIENCE_S + self._settings.after_s
