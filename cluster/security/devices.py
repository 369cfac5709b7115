"""The boxes at the doors: who they are, and what each said last.

A device is an API key that sends heartbeats, or that was made for a device: its id and its name are the key's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Engine, ForeignKey, Table
from sqlalchemy.dialects import postgresql, sqlite

from cluster.security import audit
from cluster.security.api_keys import keys, metadata

USUAL_SECONDS = 30.0
"""Between two heartbeats of a device that does not say."""

MISSED = 3
GRACE_SECONDS = 10.0

devices = Table(
    "devices",
    metadata,
    Column("id", ForeignKey("api_keys.id"), primary_key=True),
    Column("last_seen", sa.Float),
    Column("every_seconds", sa.Float, nullable=False),
    Column("clock_offset_seconds", sa.Float),
    Column("report", sa.JSON),
    Column("silent_since", sa.Float),
)


class UnknownDevice(Exception):
    """No device has this id."""


class DeviceInUse(Exception):
    """A device whose key still opens something."""


class DeviceState(StrEnum):
    """`revoked` also says that the key's own end has come."""

    WELL = "well"
    SILENT = "silent"
    REVOKED = "revoked"
    NEVER_SEEN = "never seen"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a device says of itself: `report` holds version, cameras, spool, dropped, uptime and temperature, as JSON.

    `every_seconds` is how often it means to say so, `clock` what its own clock shows.
    """

    report: dict[str, Any]
    clock: datetime
    every_seconds: float = USUAL_SECONDS


@dataclass(frozen=True, slots=True)
class Device:
    """A device with its last heartbeat; moments are aware UTC, by the cluster's clock.

    `clock_offset_seconds` is the cluster's clock minus the device's, and holds what the heartbeat took to arrive.
    """

    id: str
    name: str
    enrolled_at: datetime
    ended_at: datetime | None
    last_seen: datetime | None
    every_seconds: float
    clock_offset_seconds: float | None
    report: dict[str, Any]

    def state(self, now: datetime) -> DeviceState:
        """Silent when three heartbeats are missing."""
        if self.ended_at is not None and self.ended_at <= now:
            return DeviceState.REVOKED
        if self.last_seen is None:
            return DeviceState.NEVER_SEEN
        late = (now - self.last_seen).total_seconds() > silent_after(self.every_seconds)
        return DeviceState.SILENT if late else DeviceState.WELL

    def shown(self, now: datetime) -> dict[str, Any]:
        """Everything, as JSON has it; what was never said is null."""
        said = ("version", "cameras", "spool", "dropped", "uptime_seconds", "temperature_celsius")
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state(now).value,
            "enrolled_at": with_milliseconds(self.enrolled_at),
            "last_seen": None if self.last_seen is None else with_milliseconds(self.last_seen),
            "clock_offset_seconds": self.clock_offset_seconds,
        } | {name: self.report.get(name) for name in said}


@dataclass(frozen=True, slots=True)
class Turn:
    """A device that went silent, or is back; `last_seen` is its last heartbeat."""

    id: str
    name: str
    silent: bool
    last_seen: datetime


def silent_after(every_seconds: float) -> float:
    """Seconds without a heartbeat after which a device is silent."""
    return MISSED * every_seconds + GRACE_SECONDS


def _upsert(insert: Callable[[Table], Any]) -> Any:
    statement = insert(devices)
    said = {name: statement.excluded[name] for name in ("last_seen", "every_seconds", "clock_offset_seconds", "report")}
    return statement.on_conflict_do_update(index_elements=["id"], set_=said)


# Built, and compiled, once: they run beside the frames.
_HEARD = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}
_NOW = sa.bindparam("now", type_=sa.Float)
_PATIENCE = MISSED * devices.c.every_seconds + GRACE_SECONDS
_OVERDUE = devices.c.last_seen < _NOW - _PATIENCE
_LISTENED = sa.bindparam("listening_since", type_=sa.Float) < _NOW - _PATIENCE
_SAID = devices.c.silent_since.is_not(None)
_OPEN = sa.and_(keys.c.revoked_at.is_(None), sa.or_(keys.c.expires_at.is_(None), keys.c.expires_at > _NOW))
_ALL = sa.select(devices, keys.c.name, keys.c.created_at, keys.c.revoked_at, keys.c.expires_at).join(keys)
_TURNED = (
    sa.select(devices.c.id, keys.c.name, devices.c.last_seen, devices.c.silent_since)
    .join(keys)
    .where(_OPEN, sa.or_(sa.and_(_OVERDUE, _LISTENED, sa.not_(_SAID)), sa.and_(sa.not_(_OVERDUE), _SAID)))
)


class DeviceStore:
    """The devices in the database; safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def heard(self, key_id: str, heartbeat: Heartbeat, now: datetime) -> None:
        """Keep a device's heartbeat in the place of the one before; a key that sends its first becomes a device."""
        row = {
            "id": key_id,
            "last_seen": now.timestamp(),
            "every_seconds": heartbeat.every_seconds,
            "clock_offset_seconds": round((now - heartbeat.clock).total_seconds(), 3),
            "report": heartbeat.report,
        }
        with self._engine.begin() as connection:
            connection.execute(_HEARD[connection.dialect.name], row)

    def all(self) -> list[Device]:
        """Every device, the oldest first."""
        with self._engine.connect().execution_options(reading=True) as connection:
            return [_device(row) for row in connection.execute(_ALL.order_by(keys.c.created_at, keys.c.id))]

    def device(self, device_id: str) -> Device:
        """Raises UnknownDevice."""
        with self._engine.connect().execution_options(reading=True) as connection:
            row = connection.execute(_ALL.where(devices.c.id == device_id)).one_or_none()
        if row is None:
            raise UnknownDevice(f"no device has the id {device_id}; 'doorbell devices list' shows them")
        return _device(row)

    def forget(self, device_id: str, now: datetime) -> None:
        """Take a device whose key has ended off the list; the key stays known. Raises UnknownDevice, DeviceInUse."""
        if self.device(device_id).state(now) is not DeviceState.REVOKED:
            raise DeviceInUse(f"{device_id} can still send frames; 'doorbell devices revoke {device_id}' ends that")
        with self._engine.begin() as connection:
            if connection.execute(devices.delete().where(devices.c.id == device_id)).rowcount:
                audit.append(connection, audit.operator(), now, [audit.Act("device.forgotten", device_id)])

    def turned(self, now: datetime, listening_since: datetime) -> list[Turn]:
        """Devices that went silent or came back since this was last asked, by whomever: each turn is told once.

        A device could not be heard before `listening_since`, so its silence counts from there.
        """
        moment = {"now": now.timestamp(), "listening_since": listening_since.timestamp()}
        with self._engine.connect().execution_options(reading=True) as connection:
            found = connection.execute(_TURNED, moment).all()
        return [turn for row in found if (turn := self._told(row)) is not None]

    def _told(self, row: Any) -> Turn | None:
        """Mark the turn, unless another courier was faster or a heartbeat came in between."""
        silent = row.silent_since is None
        marked = devices.update().where(devices.c.id == row.id, devices.c.last_seen == row.last_seen)
        before = devices.c.silent_since.is_(None) if silent else devices.c.silent_since == row.silent_since
        marked = marked.where(before).values(silent_since=row.last_seen if silent else None)
        with self._engine.begin() as connection:
            told = connection.execute(marked).rowcount == 1
        return Turn(row.id, row.name, silent, datetime.fromtimestamp(row.last_seen, UTC)) if told else None


def _device(row: Any) -> Device:
    ends = [seconds for seconds in (row.revoked_at, row.expires_at) if seconds is not None]
    return Device(
        id=row.id,
        name=row.name,
        enrolled_at=datetime.fromtimestamp(row.created_at, UTC),
        ended_at=datetime.fromtimestamp(min(ends), UTC) if ends else None,
        last_seen=None if row.last_seen is None else datetime.fromtimestamp(row.last_seen, UTC),
        every_seconds=row.every_seconds,
        clock_offset_seconds=row.clock_offset_seconds,
        report=row.report or {},
    )


def with_milliseconds(moment: datetime) -> str:
    """A moment of UTC as JSON has it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
