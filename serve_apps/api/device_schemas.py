"""What devices say, and what is said of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cluster.security.devices import USUAL_SECONDS, DeviceState
from serve_apps.api.frames import CAMERA_ID, UtcDatetime

Count = Annotated[int, Field(ge=0, le=10**15)]
Seconds = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
Reason = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.: -]{1,64}$")]


class CodeIn(BaseModel):
    """A code as it was typed: dashes, spaces and the case of its letters do not matter."""

    code: Annotated[str, Field(min_length=1, max_length=100)]


class EnrolledOut(BaseModel):
    """A new device; `key` is shown this one time, and opens what the scope `frames` covers."""

    id: str
    name: str
    key: str


class CameraState(BaseModel):
    """How one of the device's cameras is."""

    id: Annotated[str, Field(pattern=CAMERA_ID)]
    state: Literal["well", "black", "frozen", "failed", "starting"]


class Spool(BaseModel):
    """What waits on the device to be sent."""

    frames: Count
    bytes: Count
    oldest_seconds: Seconds | None = None


class Vitals(BaseModel):
    """What a device says of itself; `dropped` counts frames that were given up, by reason."""

    model_config = ConfigDict(extra="ignore")

    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+!_-]{1,64}$")]
    cameras: Annotated[list[CameraState], Field(max_length=64)]
    spool: Spool
    dropped: Annotated[dict[Reason, Count], Field(max_length=32)] = {}
    uptime_seconds: Seconds
    temperature_celsius: Annotated[float | None, Field(ge=-100, le=200, allow_inf_nan=False)] = None


class HeartbeatIn(Vitals):
    """`clock` is the device's own; `every_seconds` is how often it means to be heard. Unknown members are ignored."""

    clock: UtcDatetime
    every_seconds: Annotated[float, Field(ge=1, le=3600, allow_inf_nan=False)] = USUAL_SECONDS

    def report(self) -> dict[str, Any]:
        """What is kept as it came."""
        return self.model_dump(mode="json", include=set(Vitals.model_fields))


class DeviceName(BaseModel):
    """By what the cluster knows the device."""

    id: str
    name: str


class HeartbeatOut(BaseModel):
    """`time` is the cluster's clock when the answer left."""

    time: datetime
    device: DeviceName


class DeviceOut(DeviceName):
    """A device. What no heartbeat has said yet is null; `clock_offset_seconds` is the cluster's clock minus its own."""

    state: DeviceState
    enrolled_at: datetime
    last_seen: datetime | None
    clock_offset_seconds: float | None
    version: str | None
    cameras: list[CameraState] | None
    spool: Spool | None
    dropped: dict[str, int] | None
    uptime_seconds: float | None
    temperature_celsius: float | None


class DevicesOut(BaseModel):
    """All of them, the oldest first."""

    devices: list[DeviceOut]
