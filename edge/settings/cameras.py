"""Cameras: where pictures come from, and what is made of them before they are sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from edge.settings.section import CameraId, Fraction, Seconds, Section, SomeSeconds


class CropSettings(Section):
    """The part of the picture that is sent, in fractions of its width and height."""

    x: Fraction = 0.0
    y: Fraction = 0.0
    width: Annotated[float, Field(gt=0, le=1)] = 1.0
    height: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _lies_inside(self) -> Self:
        if self.x + self.width > 1.0 + 1e-9 or self.y + self.height > 1.0 + 1e-9:
            raise ValueError("the crop reaches beyond the picture: x + width and y + height are at most 1")
        return self


class PictureSettings(Section):
    """How a picture is made from the camera's pixels.

    The sharpest of what the camera saw from `before_s` seconds before the trigger to `after_s` seconds behind it is
    cut, scaled down to `longest_side` pixels and written as JPEG with the best quality that fits into `max_bytes`.
    """

    before_s: Annotated[float, Field(ge=0, le=10)] = 0.2
    after_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    crop: CropSettings = CropSettings()
    longest_side: Annotated[int, Field(ge=160, le=8000)] = 1920
    max_bytes: Annotated[int, Field(ge=10_000, le=10_000_000)] = 400_000


class _LiveSettings(Section):
    id: CameraId
    picture: PictureSettings = PictureSettings()


class OpencvSettings(_LiveSettings):
    """A camera by its number, such as a USB camera, or a device file."""

    driver: Literal["opencv"]
    source: int | str = 0
    width: PositiveInt | None = None
    height: PositiveInt | None = None
    frames_per_second: PositiveFloat | None = None


class RtspSettings(_LiveSettings):
    """A network camera. `source` is its address; a password in it is better kept in `url_file`."""

    driver: Literal["rtsp"]
    source: str | None = None
    url_file: Path | None = None
    transport: Literal["tcp", "udp"] = "tcp"
    silence_s: SomeSeconds = 5.0

    @model_validator(mode="after")
    def _has_one_address(self) -> Self:
        if (self.source is None) == (self.url_file is None):
            raise ValueError("give either source or url_file")
        return self


class PicameraSettings(_LiveSettings):
    """A camera on the Pi's own connector, through Picamera2."""

    driver: Literal["picamera"]
    source: int = 0
    width: PositiveInt = 1280
    height: PositiveInt = 720
    frames_per_second: PositiveFloat = 15.0


class VideoSettings(_LiveSettings):
    """A video file in the place of a camera, in its own speed; `loop` starts it again at its end."""

    driver: Literal["video"]
    source: Path
    loop: bool = False


class ReplaySettings(Section):
    """A folder of images in the place of a camera and its trigger: each is sent once, as it is."""

    driver: Literal["replay"]
    id: CameraId
    folder: Path
    interval_s: Seconds = 0.0


LiveSettings = OpencvSettings | RtspSettings | PicameraSettings | VideoSettings
CameraSettings = Annotated[LiveSettings | ReplaySettings, Field(discriminator="driver")]
