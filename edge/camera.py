"""What a camera gives, and the frame that is made of it."""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from edge.errors import CameraIdInvalid
from edge.trigger import TriggerKind

_CAMERA_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def checked_camera_id(text: str) -> str:
    """Return the camera id as it came. Raises CameraIdInvalid."""
    if not _CAMERA_ID.fullmatch(text):
        raise CameraIdInvalid(
            f"{text[:80]!r} is no camera id",
            "use 1 to 64 letters, digits, dots, dashes or underscores, the first a letter or digit",
        )
    return text


def new_frame_id() -> str:
    """Return a random UUID; it is the idempotency key of the frame from here on."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Picture:
    """One encoded image as a camera gave it.

    `label` is a name for people, such as a file name; `face` whether a face seems to be in it, None where nobody has
    looked; `captured_s` the monotonic clock when the shutter was open.
    """

    image: bytes = field(repr=False)
    media_type: str
    label: str = ""
    face: bool | None = None
    captured_s: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Frame:
    """One image with where, when and why it was taken.

    `captured_at` is what the clock on the wall said, which may be wrong; `boot_id` and `boot_s` (seconds since that
    boot, CLOCK_BOOTTIME) say the same moment on a clock that nobody sets. Raises CameraIdInvalid, and ValueError for
    an id that is no UUID or a time without a zone.
    """

    frame_id: str
    camera_id: str
    captured_at: datetime
    trigger: TriggerKind
    image: bytes = field(repr=False)
    media_type: str
    label: str = ""
    face: bool | None = None
    boot_id: str = ""
    boot_s: float = 0.0

    def __post_init__(self) -> None:
        checked_camera_id(self.camera_id)
        if str(uuid.UUID(self.frame_id)) != self.frame_id:
            raise ValueError(f"{self.frame_id!r} is not a UUID in its usual form")
        if self.captured_at.utcoffset() != UTC.utcoffset(None):
            raise ValueError(f"{self.captured_at.isoformat()} is not in UTC")


class Camera(Protocol):
    """Takes a picture when asked."""

    def capture(self, triggered_s: float) -> Picture:
        """Return the best picture around a moment of the monotonic clock. Raises CameraFailed."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


CameraState = Literal["well", "black", "frozen", "failed", "starting"]
