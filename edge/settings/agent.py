"""The whole file, and the sections that every box has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from edge.settings.cameras import CameraSettings, ReplaySettings
from edge.settings.section import Port, Section, SomeSeconds, accepted_by
from edge.settings.triggers import FeedbackSettings, MotionSettings, TriggerSettings
from edge.upload.address import checked_url

GatewayUrl = Annotated[str, accepted_by(checked_url)]


class GatewaySettings(Section):
    """Where frames go. Times in seconds. Without `key_file` the key comes from the environment.

    `url`, and then `fallbacks` in their order when it does not answer. `ca_file` holds the authorities that may have
    signed the gateway's certificate; `certificate_file` and `certificate_key_file` are what this box shows of itself.
    """

    url: GatewayUrl
    fallbacks: tuple[GatewayUrl, ...] = ()
    key_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    certificate_key_file: Path | None = None
    bytes_per_second: Annotated[int, Field(ge=1000)] | None = None
    timeout_s: SomeSeconds = 10.0
    first_retry_s: SomeSeconds = 0.5
    longest_retry_s: SomeSeconds = 60.0

    @model_validator(mode="after")
    def _has_both_halves(self) -> Self:
        if self.certificate_key_file is not None and self.certificate_file is None:
            raise ValueError("certificate_key_file without certificate_file")
        return self


class SpoolSettings(Section):
    """Where frames wait, how many, and which goes first when the network is back.

    With `newest_first_after_s`, frames that have waited longer than that are sent after the fresh ones. `key_file`
    encrypts what lies on the disk; `doorbell-edge spool key` makes one.
    """

    folder: Path
    max_bytes: PositiveInt = 1 << 30
    max_frames: PositiveInt = 10_000
    max_age_s: PositiveFloat | None = None
    max_set_aside: PositiveInt = 100
    newest_first_after_s: PositiveFloat | None = None
    key_file: Path | None = None


class HealthSettings(Section):
    """What the box tells about itself: metrics on loopback, and a word to the cluster every so many seconds."""

    metrics_port: Port | None = None
    heartbeat_s: Annotated[float, Field(ge=1, le=3600)] | None = 30.0


class EdgeSettings(Section):
    """Everything a box needs to know."""

    gateway: GatewaySettings
    cameras: tuple[CameraSettings, ...]
    triggers: tuple[TriggerSettings, ...] = ()
    feedback: tuple[FeedbackSettings, ...] = ()
    spool: SpoolSettings
    health: HealthSettings = HealthSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.cameras:
            raise ValueError("cameras is empty; a box has at least one")
        ids = [camera.id for camera in self.cameras]
        replays = {camera.id for camera in self.cameras if isinstance(camera, ReplaySettings)}
        if twice := sorted({each for each in ids if ids.count(each) > 1}):
            raise ValueError(f"two cameras have the id {twice[0]!r}")
        for number, part in enumerate((*self.triggers, *self.feedback), 1):
            if strange := sorted(set(part.cameras) - set(ids)):
                raise ValueError(f"{part.driver} names the camera {strange[0]!r}, which is not under cameras")
            if isinstance(part, MotionSettings) and len(part.cameras or ids) != 1:
                raise ValueError(f"the motion trigger, number {number} of all, must name its camera")
        live = set(ids) - replays
        fired = {each for trigger in self.triggers for each in (trigger.cameras or live)}
        if untouched := sorted(live - fired):
            raise ValueError(f"nothing triggers the camera {untouched[0]!r}; add it to a trigger")
        if driven := sorted(fired & replays):
            raise ValueError(f"a trigger names {driven[0]!r}; a replay goes through its folder by itself")
        return self
