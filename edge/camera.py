"""What a camera gives, and the frame that is made of it."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

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
    """One encoded image as a camera gave it; `label` is a name for people, such as a file name."""

    image: bytes = field(repr=False)
    media_type: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One image with where, when and why it was taken.

    Raises CameraIdInvalid, and ValueError for an id that is no UUID or a time without a zone.
    """

    frame_id: str
    camera_id: str
    captured_at: datetime
    trigger: TriggerKind
    image: bytes = field(repr=False)
    media_type: str
    label: str = ""

    def __post_init__(self) -> None:
        checked_camera_id(self.camera_id)
        if str(uuid.UUID(self.frame_id)) != self.frame_id:
            raise ValueError(f"{self.frame_id!r} is not a UUID in its usual form")
        if self.captured_at.utcoffset() != UTC.utcoffset(None):
            raise ValueError(f"{self.captured_at.isoformat()} is not in UTC")


class Camera(Protocol):
    """Takes a picture when asked."""

    def capture(self) -> Picture:
        """Return what is in front of the camera now. Raises CameraFailed."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...
