"""A camera that OpenCV can open: a USB camera by its number or device file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import structlog

from edge.drivers.device import Device, prepare_opencv, shown
from edge.errors import CameraFailed
from edge.settings.cameras import OpencvSettings

if TYPE_CHECKING:
    import cv2

log = structlog.get_logger(__name__)

FROZEN_AFTER_S = 10.0
_WAY_OUT = "check its cable and power, and who else uses it"


def open_opencv(settings: OpencvSettings) -> Device:
    """Open the camera with the size and speed asked for, or the nearest that it has. Raises CameraFailed."""
    prepare_opencv()
    import cv2

    source = settings.source
    name = f"camera {shown(source) if isinstance(source, str) else source}"
    local = isinstance(source, int) or source.startswith("/dev/")
    device = cv2.VideoCapture(source, cv2.CAP_V4L2 if local and sys.platform == "linux" else cv2.CAP_ANY)
    if not device.isOpened():
        device.release()
        raise CameraFailed(f"{name} cannot be opened", _WAY_OUT)
    _ask(device, settings)
    _report(name, device, settings)
    return Device(name, device, _WAY_OUT)


def _ask(device: cv2.VideoCapture, settings: OpencvSettings) -> None:
    import cv2

    if settings.width or settings.height:
        # Uncompressed, most USB cameras give more than 640x480 at a few pictures a second only.
        device.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    wishes = {
        cv2.CAP_PROP_FRAME_WIDTH: settings.width,
        cv2.CAP_PROP_FRAME_HEIGHT: settings.height,
        cv2.CAP_PROP_FPS: settings.frames_per_second,
    }
    for wish, value in wishes.items():
        if value is not None:
            device.set(wish, value)
    # More buffers would hold older pictures when the reader is late.
    device.set(cv2.CAP_PROP_BUFFERSIZE, 1)


def _report(name: str, device: cv2.VideoCapture, settings: OpencvSettings) -> None:
    import cv2

    width, height = (int(device.get(each)) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    asked = (settings.width or width, settings.height or height)
    if asked != (width, height):
        log.warning("camera.other_size", camera=name, asked=f"{asked[0]}x{asked[1]}", given=f"{width}x{height}")
