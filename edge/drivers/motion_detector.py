"""Whether something moved between two looks at a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import TriggerUnusable

if TYPE_CHECKING:
    from cv2.typing import MatLike

    from edge.settings.triggers import ZoneSettings

Grey = NDArray[np.uint8]

_WIDTH = 160
"""Pixels. 320 find nobody more, at more than twice the cost."""
_MEMORY_S = 100.0
"""What stays in its place for a tenth of this, such as a parked car, becomes background."""
_START_S = 3.0
_LIGHT_S = 1.0
_LIGHT_SHARE = 0.6
"""When more of the whole picture changed at once, it was the light."""
_PATIENCE = 2
"""Looks in a row: one alone is a flash, an insect or a torn picture."""
_LEAST_VARIANCE = 30.0
"""Grey levels squared. OpenCV's 4 takes the rounding of a slowly growing light for motion."""
_GAIN = (0.2, 5.0)


class MotionDetector:
    """Background subtraction on a small grey picture, brought to the same brightness each time.

    OpenCV's MOG2 (Zivkovic 2004) on the green channel. On 22 made-up scenes of photographs, with noise, lamps, clouds,
    flicker, a shaking camera and persons, it never fired for nothing; KNN fired when the camera shook, and either of
    them at each cloud where the brightness was not evened out. The gain for that is the median over the picture of
    what it was through what it is, so that somebody who fills less than half of the picture does not change it.
    """

    def __init__(self, share: float, looks_per_second: float, zones: Sequence[ZoneSettings] = ()) -> None:
        """Take a share of the watched pixels, from 0 to 1. Raises TriggerUnusable without OpenCV or without pixels."""
        try:
            import cv2
        except ImportError as error:
            raise TriggerUnusable("opencv is not installed", "install opencv-python-headless") from error
        self.changed = 0.0
        """The share of the watched pixels that had changed at the last look."""
        self._cv2 = cv2
        self._share = share
        self._looks_per_second = looks_per_second
        self._zones = tuple(zones)
        self._in_a_row = self._looks = self._to_learn = 0
        self._reset((0, 0))
        if not watched_pixels(_WIDTH, _WIDTH * 9 // 16, self._zones).any():
            raise TriggerUnusable("the zones leave nothing of the picture to watch", "ignore less of it")

    def look(self, pixels: MatLike) -> bool:
        """Return whether motion was seen, in this picture and the one before; BGR, of any size."""
        grey = self._reduced(pixels)
        if grey.shape != self._watched.shape:
            self._reset(grey.shape)
        moved = self._moved(self._evened(grey))
        self.changed = int(np.count_nonzero(moved & self._watched)) / max(1, int(np.count_nonzero(self._watched)))
        if self._to_learn > 0:
            self._to_learn -= 1
            return False
        if int(np.count_nonzero(moved)) > _LIGHT_SHARE * moved.size:
            self.relearn(_LIGHT_S)
            return False
        self._in_a_row = self._in_a_row + 1 if self.changed >= self._share else 0
        if self._in_a_row < _PATIENCE:
            return False
        self._in_a_row = 0
        return True

    def relearn(self, seconds: float = _START_S) -> None:
        """Forget the background; what the next pictures show in so many seconds is the new one."""
        self._reset(self._watched.shape, seconds)

    def _reset(self, shape: tuple[int, ...], seconds: float = _START_S) -> None:
        height, width = shape
        self._watched = watched_pixels(width, height, self._zones)
        self._reference: NDArray[np.float32] | None = None
        self._in_a_row = 0
        self._looks = 0
        self._to_learn = max(_PATIENCE, math.ceil(seconds * self._looks_per_second))
        self._background: Any = self._cv2.createBackgroundSubtractorMOG2(detectShadows=False)
        self._background.setVarInit(_LEAST_VARIANCE)
        self._background.setVarMin(_LEAST_VARIANCE)

    def _reduced(self, pixels: MatLike) -> Grey:
        # Four pixels for each that is left are enough to average the noise away; to read all of them costs more than
        # everything else here.
        step = max(1, pixels.shape[1] // (2 * _WIDTH))
        green = np.ascontiguousarray(pixels[::step, ::step, 1], np.uint8)
        height, width = green.shape
        if width <= _WIDTH:
            return green
        size = (_WIDTH, max(1, round(height * _WIDTH / width)))
        return np.asarray(self._cv2.resize(green, size, interpolation=self._cv2.INTER_AREA), np.uint8)

    def _evened(self, grey: Grey) -> Grey:
        sample = grey[::2, ::2].astype(np.float32) + 1.0
        if self._reference is None:
            self._reference = sample
        gain = float(np.clip(np.median(self._reference / sample), *_GAIN))
        self._reference += (sample * gain - self._reference) * self._rate
        return np.asarray(self._cv2.convertScaleAbs(grey, alpha=gain), np.uint8)

    def _moved(self, grey: Grey) -> NDArray[np.bool_]:
        moved = self._background.apply(grey, learningRate=self._rate)
        self._looks += 1
        # Single pixels are noise.
        return np.asarray(self._cv2.medianBlur(moved, 3), np.bool_)

    @property
    def _rate(self) -> float:
        slow = 1 / (_MEMORY_S * self._looks_per_second)
        return max(slow, 1 / (self._looks + 1)) if self._to_learn else slow


def watched_pixels(width: int, height: int, zones: Sequence[ZoneSettings]) -> NDArray[np.bool_]:
    """Return height x width booleans: in a watched zone, or anywhere if there is none, and in no ignored one."""
    import cv2

    watched = np.zeros((height, width), np.uint8)
    if all(zone.ignore for zone in zones):
        watched[:] = 1
    # The ignored ones last: they win where both overlap.
    for zone in sorted(zones, key=lambda zone: zone.ignore):
        points = np.rint(np.array(zone.points) * (width - 1, height - 1)).astype(np.int32)
        if watched.size:
            cv2.fillPoly(watched, [points], 0 if zone.ignore else 1)
    return watched.astype(np.bool_)
