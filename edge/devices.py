"""Which driver stands behind which settings. A driver is imported with the first device that needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from functools import cache
from typing import TYPE_CHECKING

from edge.camera import Camera
from edge.drivers.replay import Replay
from edge.pictures.live import LiveCamera
from edge.settings.cameras import CameraSettings, ReplaySettings
from edge.settings.triggers import (
    ButtonSettings,
    HttpSettings,
    LedSettings,
    MotionSensorSettings,
    MotionSettings,
    RelaySettings,
    TimerSettings,
    TriggerSettings,
)
from edge.trigger import Trigger

if TYPE_CHECKING:
    from edge.pictures.faces import FaceHint

PinSettings = ButtonSettings | MotionSensorSettings | LedSettings | RelaySettings


def camera_of(told: CameraSettings) -> Camera:
    """Open a camera. Raises SettingsInvalid; a live camera that cannot be opened says so in its state."""
    if isinstance(told, ReplaySettings):
        return Replay(told.folder, told.interval_s, camera_id=told.id)
    from edge.drivers.cameras import live_camera

    return live_camera(told, _face_hint())


@cache
def _face_hint() -> FaceHint:
    # One network for all cameras: it is 5 to 9 MB.
    from edge.pictures.faces import FaceHint

    return FaceHint()


def trigger_of(told: TriggerSettings, cameras: Sequence[str], live: Mapping[str, LiveCamera]) -> Trigger:
    """Open a trigger for these cameras. Raises TriggerUnusable."""
    if isinstance(told, ButtonSettings | MotionSensorSettings):
        return _input(told)
    if isinstance(told, MotionSettings):
        from edge.drivers.motion import MotionTrigger
        from edge.drivers.motion_detector import MotionDetector

        (camera,) = cameras
        detector = MotionDetector(told.share, told.looks_per_second, told.zones)
        return MotionTrigger(camera, live[camera], detector, told.looks_per_second)
    if isinstance(told, TimerSettings):
        from edge.drivers.timer import TimerTrigger

        return TimerTrigger(told.every_s)
    if isinstance(told, HttpSettings):
        from edge.drivers.http import HttpTrigger

        return HttpTrigger(told.port, cameras)
    from edge.drivers.stdin import StdinTrigger

    return StdinTrigger(cameras)


def opened_pin(told: PinSettings) -> AbstractContextManager[object]:
    """Take a pin for a moment. Raises TriggerUnusable, FeedbackUnusable."""
    if isinstance(told, ButtonSettings | MotionSensorSettings):
        return closing(_input(told))
    from edge.feedback import feedback_of

    return closing(feedback_of([told], lambda: ("", 0.0)))


def _input(told: ButtonSettings | MotionSensorSettings) -> Trigger:
    if isinstance(told, MotionSensorSettings):
        from edge.drivers.motion_sensor import MotionSensorTrigger

        return MotionSensorTrigger(told.pin, debounce_s=told.debounce_s)
    from edge.drivers.button import ButtonTrigger

    return ButtonTrigger(told.pin, pull_up=told.pull_up, debounce_s=told.debounce_s, hold_s=told.hold_s)
