"""Events on disk. A frame id is there once, whatever happens."""

from __future__ import annotations

import dataclasses
import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from serve_apps.database import in_commit_order, reading
from serve_apps.events.event import Event, EventFilter
from serve_apps.faces import Box, Frame, Identity, Recognition, Standing, Trigger, Verdict, verdict_of
from serve_apps.gallery.store import people_by_id
from serve_apps.tables import event_people, events, gallery_changes


class FrameIdReused(Exception):
    """A frame id came again with other bytes."""


class EventStore:
    """Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def before(self, frame: Frame) -> tuple[Event | None, int]:
        """The event this frame already has, and the gallery's version. Raises FrameIdReused."""
        with reading(self._engine) as connection:
            seq, version = connection.execute(_BEFORE, {"frame_id": frame.frame_id}).one()
            return (same_frame(connection, frame) if seq is not None else None), version or 0

    def newest_first(self, wanted: EventFilter, limit: int, before_seq: int | None = None) -> list[Event]:
        """At most `limit` events, those older than `before_seq` only."""
        query = _where(wanted).order_by(events.c.seq.desc()).limit(limit)
        if before_seq is not None:
            query = query.where(events.c.seq < before_seq)
        with reading(self._engine) as connection:
            return _events(connection, query)

    def after(self, wanted: EventFilter, seq: int, limit: int) -> list[Event]:
        """At most `limit` events that came after `seq`, in their order."""
        with reading(self._engine) as connection:
            return _events(connection, _where(wanted).where(events.c.seq > seq).order_by(events.c.seq).limit(limit))

    def last_seq(self) -> int:
        """The newest event's number, 0 when there is none."""
        with reading(self._engine) as connection:
            return connection.scalar(sa.select(sa.func.max(events.c.seq))) or 0

    def event(self, event_id: str) -> Event | None:
        """The event of that id."""
        with reading(self._engine) as connection:
            return next(iter(_events(connection, sa.select(events).where(events.c.id == event_id))), None)


# A frame pays for each statement that is built anew; these are built, and compiled, once.
_BEFORE = sa.select(
    sa.select(events.c.seq).where(events.c.frame_id == sa.bindparam("frame_id")).scalar_subquery(),
    sa.select(sa.func.max(gallery_changes.c.seq)).scalar_subquery(),
)
_INSERT = events.insert().returning(events.c.seq)
_INSERT_PERSON = event_people.insert()


def same_frame(connection: Connection, frame: Frame) -> Event | None:
    """The event that this frame already has. Raises FrameIdReused."""
    found = _events(connection, sa.select(events).where(events.c.frame_id == frame.frame_id))
    if found and found[0].frame_sha256 != sha256(frame.image):
        raise FrameIdReused(frame.frame_id)
    return found[0] if found else None


def insert(connection: Connection, frame: Frame, recognition: Recognition) -> Event:
    """Write a frame's event, in this transaction. Persons who were removed since the match are strangers in it."""
    in_commit_order(connection, "events")
    wanted = {identity.person_id for identity in recognition.identities if identity.person_id is not None}
    enrolled = people_by_id(connection, wanted)
    faces = tuple(
        identity
        if identity.person_id is None or identity.person_id in enrolled
        else dataclasses.replace(identity, person_id=None, standing=Standing.UNKNOWN)
        for identity in recognition.identities
    )
    row: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "frame_id": frame.frame_id,
        "frame_sha256": sha256(frame.image),
        "camera_id": frame.camera_id,
        "captured_at": frame.captured_at,
        "received_at": frame.received_at,
        "trigger": frame.trigger,
        "verdict": verdict_of([face.standing for face in faces]),
        "release": recognition.release,
        "clock_offset_seconds": frame.clock_offset_seconds,
        "trace_id": frame.trace_id,
        "recognize_ms": recognition.recognize_ms,
    }
    kept = {"faces": [_row_of(face) for face in faces]}
    seq = connection.execute(_INSERT, row | kept).scalar_one()
    if enrolled:
        connection.execute(_INSERT_PERSON, [{"event_seq": seq, "person_id": person_id} for person_id in enrolled])
    names = {person.id: person.name for person in enrolled.values()}
    return Event(seq=seq, faces=faces, names=names, **row)


def events_by_seq(connection: Connection, seqs: Sequence[int]) -> list[Event]:
    """The events of these numbers, as this transaction sees them."""
    return _events(connection, sa.select(events).where(events.c.seq.in_(seqs)))


def sha256(image: bytes) -> str:
    """Hex digest of a frame's bytes."""
    return hashlib.sha256(image).hexdigest()


def _where(wanted: EventFilter) -> sa.Select[Any]:
    query = sa.select(events)
    if wanted.person_id is not None:
        query = query.join(event_people).where(event_people.c.person_id == wanted.person_id)
    if wanted.camera_id is not None:
        query = query.where(events.c.camera_id == wanted.camera_id)
    if wanted.verdict is not None:
        query = query.where(events.c.verdict == wanted.verdict)
    if wanted.release is not None:
        query = query.where(events.c.release == wanted.release)
    if wanted.since is not None:
        query = query.where(events.c.captured_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(events.c.captured_at < wanted.until)
    return query


def _events(connection: Connection, query: sa.Select[Any]) -> list[Event]:
    found = [_event(row) for row in connection.execute(query).all()]
    ids = {person_id for event in found for person_id in event.person_ids}
    names = {person.id: person.name for person in people_by_id(connection, ids).values()}
    return [dataclasses.replace(event, names={i: names[i] for i in event.person_ids & names.keys()}) for event in found]


def _event(row: sa.Row[Any]) -> Event:
    values = dict(row._mapping)
    faces = tuple(_identity(face) for face in values.pop("faces"))
    values |= {"trigger": Trigger(row.trigger), "verdict": Verdict(row.verdict)}
    return Event(faces=faces, names={}, **values)


def _row_of(identity: Identity) -> dict[str, Any]:
    return dataclasses.asdict(identity)


def _identity(row: dict[str, Any]) -> Identity:
    return Identity(**row | {"box": Box(**row["box"]), "standing": Standing(row["standing"])})
