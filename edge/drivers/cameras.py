"""Which driver opens which camera. A driver is imported with the first camera that needs it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from edge.pictures.live import LiveCamera, PixelSource
from edge.settings.cameras import LiveSettings, OpencvSettings, PicameraSettings, RtspSettings

if TYPE_CHECKING:
    from cv2.typing import MatLike

Driver = tuple[Callable[[], PixelSource], float | None]


def live_camera(settings: LiveSettings, look_for_face: Callable[[MatLike], bool | None] | None = None) -> LiveCamera:
    """Return the camera, whose thread begins to open it at once.

    Raises SettingsInvalid for an address that is none; a camera that cannot be opened is for its state to tell.
    """
    open_source, frozen_after_s = _driver(settings)
    return LiveCamera(
        settings.id,
        open_source,
        settings.picture,
        frozen_after_s=frozen_after_s,
        look_for_face=look_for_face,
        interrupt=_interrupt(settings),
    )


def _interrupt(settings: LiveSettings) -> Callable[[], None]:
    if isinstance(settings, RtspSettings):
        from edge.drivers import rtsp

        return partial(rtsp.interrupt, settings)
    return lambda: None


def _driver(settings: LiveSettings) -> Driver:
    if isinstance(settings, OpencvSettings):
        from edge.drivers import opencv

        return partial(opencv.open_opencv, settings), opencv.FROZEN_AFTER_S
    if isinstance(settings, RtspSettings):
        from edge.drivers import rtsp

        rtsp.address_of(settings)
        return partial(rtsp.open_rtsp, settings), rtsp.FROZEN_AFTER_S
    if isinstance(settings, PicameraSettings):
        from edge.drivers import picamera

        return partial(picamera.open_picamera, settings), picamera.FROZEN_AFTER_S
    from edge.drivers import video

    return partial(video.open_video, settings), video.FROZEN_AFTER_S
