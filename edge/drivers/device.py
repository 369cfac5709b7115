"""What all sources share that OpenCV opens: errors, lazy decoding, names without passwords."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge.errors import CameraFailed

if TYPE_CHECKING:
    import cv2
    from cv2.typing import MatLike

_ENVIRONMENT = {
    # A USB camera that was pulled out is noticed after two seconds, not OpenCV's ten.
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "2",
    # FFmpeg writes to stderr past our log; 16 shows its errors when somebody looks for a fault.
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}


class Device:
    """An open cv2.VideoCapture as a LazySource. `name` is for people; `way_out` what to check when it fails."""

    def __init__(self, name: str, device: cv2.VideoCapture, way_out: str) -> None:
        self.device = device
        self._name = name
        self._way_out = way_out

    def grab(self) -> None:
        if not self.device.grab():
            raise CameraFailed(f"{self._name} gives no picture any more", self._way_out)

    def retrieve(self) -> MatLike:
        succeeded, pixels = self.device.retrieve()
        if not succeeded or pixels is None or not pixels.size:
            raise CameraFailed(f"{self._name} gave a picture that cannot be decoded", self._way_out)
        return pixels

    def read(self) -> MatLike:
        self.grab()
        return self.retrieve()

    def close(self) -> None:
        self.device.release()


def prepare_opencv() -> None:
    """Import OpenCV with what we want of it. Raises CameraFailed when it is not installed."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import cv2
    except ImportError as error:
        raise CameraFailed("opencv is not installed", "install opencv-python-headless") from error
    # Pictures are small: on a box of few cores threads wait for each other longer than they help.
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


def shown(address: str) -> str:
    """Return an address as a log may show it: without user, password and query.

    Some cameras want the password in the path, as `/user=me_password=secret`; and the rest of a password that holds a
    slash is taken for a path. A path that may be either of them is left out.
    """
    parts = urlsplit(address)
    if not parts.netloc:
        return address
    path = "/…" if "=" in parts.path or "@" in parts.path else parts.path
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"


def unreachable(address: str, default_port: int, timeout_s: float = 1.0) -> str:
    """Return why nobody listens at an address, in the system's words; empty when somebody does."""
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or default_port), timeout_s):
            return ""
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
