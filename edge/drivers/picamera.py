"""A camera on the Pi's own connector, through Picamera2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.errors import CameraFailed
from edge.settings.cameras import PicameraSettings

if TYPE_CHECKING:
    from cv2.typing import MatLike

FROZEN_AFTER_S = 10.0
_SILENCE_S = 2.0
_BUFFERS = 3
_WAY_OUT = "check the ribbon cable and what rpicam-hello --list-cameras says"


def open_picamera(settings: PicameraSettings) -> PicameraSource:
    """Start the camera with the size and speed asked for. Raises CameraFailed."""
    try:
        from picamera2 import Picamera2  # type: ignore[import-not-found]  # on Raspberry Pi OS only
    except ImportError as error:
        raise CameraFailed(
            "picamera2 is not installed",
            "apt install python3-picamera2, and make the venv with --system-site-packages",
        ) from error
    camera = None
    try:
        camera = Picamera2(settings.source)
        # libcamera names the order of bits in a word: its RGB888 lies in memory as blue, green, red, as OpenCV wants.
        # queue=False: a request is of a picture taken now, never of one that was kept.
        configuration = camera.create_video_configuration(
            main={"size": (settings.width, settings.height), "format": "RGB888"},
            controls={"FrameRate": settings.frames_per_second},
            buffer_count=_BUFFERS,
            queue=False,
        )
        camera.configure(configuration)
        camera.start()
    except Exception as error:  # libcamera's failures are RuntimeError, IndexError and others
        if camera is not None:
            camera.close()
        raise CameraFailed(f"Pi camera {settings.source} cannot be started: {error}", _WAY_OUT) from error
    return PicameraSource(camera, settings.source)


class PicameraSource:
    """A started Picamera2 as a LazySource: a picture that nobody looks at is not copied."""

    def __init__(self, camera: Any, number: int) -> None:
        self._camera = camera
        self._number = number
        self._request: Any = None

    def grab(self) -> None:
        self._release()
        try:
            self._request = self._camera.capture_request(wait=_SILENCE_S)
        except Exception as error:  # TimeoutError, and what libcamera raises
            raise self._failed(error) from error

    def retrieve(self) -> MatLike:
        try:
            pixels: MatLike = self._request.make_array("main")
        except Exception as error:  # what libcamera raises
            raise self._failed(error) from error
        finally:
            self._release()
        return pixels

    def read(self) -> MatLike:
        self.grab()
        return self.retrieve()

    def close(self) -> None:
        try:
            self._release()
            self._camera.stop()
        finally:
            # A camera that is not closed cannot be opened again by this process.
            self._camera.close()

    def _release(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.release()

    def _failed(self, error: Exception) -> CameraFailed:
        reason = str(error) or type(error).__name__
        return CameraFailed(f"Pi camera {self._number} gives no picture any more: {reason}", _WAY_OUT)
