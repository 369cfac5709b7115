"""A video file in the place of a camera, in its own speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.drivers.device import Device, prepare_opencv
from edge.errors import CameraEnded, CameraFailed
from edge.settings.cameras import VideoSettings

if TYPE_CHECKING:
    import cv2

FROZEN_AFTER_S = None
"""A video may stand still."""
_LATE_S = 0.2
_LONGEST_SLEEP_S = 0.5
_USUAL_FPS = 25.0


def open_video(settings: VideoSettings) -> VideoSource:
    """Open the file. Raises CameraFailed."""
    prepare_opencv()
    import cv2

    device = cv2.VideoCapture(str(settings.source), cv2.CAP_ANY, [cv2.CAP_PROP_N_THREADS, 1])
    if not device.isOpened():
        device.release()
        raise CameraFailed(f"the video {settings.source} cannot be opened", "name a video file that OpenCV can read")
    return VideoSource(str(settings.source), device, loop=settings.loop)


class VideoSource(Device):
    """Each picture comes at its own time after the first; those that are late are passed over."""

    def __init__(
        self,
        name: str,
        device: cv2.VideoCapture,
        *,
        loop: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(f"the video {name}", device, "check the file")
        self._loop = loop
        self._clock = clock
        self._sleep = sleep
        self._began_s: float | None = None
        self._number = 0

    def grab(self) -> None:
        """Wait for the next picture. Raises CameraEnded behind the last one."""
        while True:
            self._grab_any()
            now_s = self._clock()
            if self._began_s is None:
                self._began_s = now_s - self._shown_after_s()
            due_s = self._began_s + self._shown_after_s()
            self._number += 1
            if due_s >= now_s - _LATE_S:
                break
        while (left_s := due_s - self._clock()) > 0:
            self._sleep(min(left_s, _LONGEST_SLEEP_S))

    def _grab_any(self) -> None:
        import cv2

        if self.device.grab():
            return
        if not self._number:
            raise CameraFailed(f"{self._name} holds no picture", self._way_out)
        if not self._loop:
            raise CameraEnded(f"{self._name} is over", "set loop: true to show it again")
        self.device.set(cv2.CAP_PROP_POS_FRAMES, 0)
        self._began_s, self._number = None, 0
        super().grab()

    def _shown_after_s(self) -> float:
        """When the grabbed picture is due, in seconds from the first; by the frame rate where the file has no times."""
        import cv2

        told_s = self.device.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return told_s if told_s > 0 else self._number / (self.device.get(cv2.CAP_PROP_FPS) or _USUAL_FPS)
