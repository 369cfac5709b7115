"""A camera that OpenCV can open: a USB camera by its number, a stream or a video by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.camera import Picture
from edge.errors import CameraFailed

if TYPE_CHECKING:
    import cv2
    from cv2.typing import MatLike

_DRIVER_BUFFERS = 4
"""Video4Linux fills this many buffers and then waits, so that a picture after a pause would show the past."""


class OpencvCamera:
    """Keeps the device open between pictures, since opening takes most of a second."""

    def __init__(self, source: int | str = 0, *, stale_pictures: int = _DRIVER_BUFFERS, jpeg_quality: int = 92) -> None:
        self._source = source
        self._stale_pictures = stale_pictures
        self._jpeg_quality = jpeg_quality
        self._device = self._open()

    def capture(self) -> Picture:
        pixels = self._read()
        if pixels is None:
            # A camera that was unplugged for a moment comes back only under a new handle.
            self.close()
            self._device = self._open()
            pixels = self._read()
        if pixels is None:
            raise CameraFailed(f"camera {self._source} gives no picture", "check its cable and power")
        return Picture(self._encode(pixels), "image/jpeg")

    def close(self) -> None:
        self._device.release()

    def _open(self) -> cv2.VideoCapture:
        try:
            import cv2
        except ImportError as error:
            raise CameraFailed("opencv is not installed", "install opencv-python-headless") from error
        device = cv2.VideoCapture(self._source)
        if not device.isOpened():
            device.release()
            raise CameraFailed(f"camera {self._source} cannot be opened", "check camera.source and who else uses it")
        return device

    def _read(self) -> MatLike | None:
        for _ in range(self._stale_pictures):
            self._device.grab()
        succeeded, pixels = self._device.read()
        return pixels if succeeded else None

    def _encode(self, pixels: MatLike) -> bytes:
        import cv2

        succeeded, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, self._jpeg_quality])
        if not succeeded:
            raise CameraFailed(f"a picture of camera {self._source} cannot be encoded", "try another source")
        return jpeg.tobytes()
