"""The tables. Alembic's migrations make them; a test holds the two to each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, MetaData, Table, UniqueConstraint
from sqlalchemy.engine import Dialect

metadata = MetaData()


class Moment(sa.TypeDecorator[datetime]):
    """An aware UTC datetime, kept as UTC without a zone, so that both engines sort and compare it alike."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuses a naive datetime with ValueError: it would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


Sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")

people = Table(
    "people",
    metadata,
    Column("id", sa.String(36), primary_key=True),
    Column("name", sa.String(200), nullable=False, unique=True),
    Column("standing", sa.String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
)

gallery_faces = Table(
    "gallery_faces",
    metadata,
    Column("id", sa.String(36), primary_key=True),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("photo_sha256", sa.String(64), nullable=False),
    Column("quality", sa.Float, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("person_id", "photo_sha256"),
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("face_id", ForeignKey("gallery_faces.id", ondelete="CASCADE"), primary_key=True),
    Column("space", sa.String(64), primary_key=True),
    Column("sealed", sa.LargeBinary, nullable=False),
)

gallery_changes = Table(
    "gallery_changes",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("person_id", sa.String(36), nullable=False),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("id", sa.String(36), nullable=False, unique=True),
    Column("frame_id", sa.String(64), nullable=False, unique=True),
    Column("frame_sha256", sa.String(64), nullable=False),
    Column("camera_id", sa.String(64), nullable=False),
    Column("captured_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("trigger", sa.String(16), nullable=False),
    Column("verdict", sa.String(16), nullable=False),
    Column("release", sa.String(64), nullable=False),
    Column("faces", sa.JSON, nullable=False),
    Column("clock_offset_seconds", sa.Float),
    Column("trace_id", sa.String(32)),
    Column("recognize_ms", sa.Float),
    Index("events_by_camera", "camera_id", "seq"),
    Index("events_by_release", "release", "seq"),
    Index("events_by_verdict", "verdict", "seq"),
    Index("events_by_capture", "captured_at"),
    sqlite_autoincrement=True,
)

event_people = Table(
    "event_people",
    metadata,
    Column("event_seq", ForeignKey("events.seq", ondelete="CASCADE"), primary_key=True),
    Column("person_id", sa.String(36), primary_key=True),
    Index("event_people_by_person", "person_id", "event_seq"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", sa.String(36), primary_key=True),
    Column("event_seq", ForeignKey("events.seq", ondelete="CASCADE"), nullable=False),
    Column("recipient", sa.String(100), nullable=False),
    Column("state", sa.String(16), nullable=False),
    Column("attempts", sa.Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("claimed_by", sa.String(36)),
    Column("delivered_at", Moment),
    Column("last_error", sa.String(500)),
    UniqueConstraint("event_seq", "recipient"),
    Index("notices_due", "state", "due_at"),
)

recognition_failures = Table(
    "recognition_failures",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("application", sa.String(64), nullable=False),
    Column("camera_id", sa.String(64)),
    Column("trace_id", sa.String(32)),
    Column("error", sa.String(500), nullable=False),
    sqlite_autoincrement=True,
)

recent_frames = Table(
    "recent_frames",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("event_id", sa.String(36), nullable=False, unique=True),
    Column("camera_id", sa.String(64), nullable=False),
    Column("captured_at", Moment, nullable=False),
    Column("kept_at", Moment, nullable=False),
    Column("key_id", sa.String(32), nullable=False),
    sqlite_autoincrement=True,
)

load_counts = Table(
    "load_counts",
    metadata,
    Column("start", sa.BigInteger, primary_key=True),
    Column("step", sa.Integer, primary_key=True),
    Column("camera_group", sa.String(64), primary_key=True),
    Column("source", sa.String(16), primary_key=True),
    Column("counts", sa.LargeBinary, nullable=False),
)

load_facts = Table(
    "load_facts",
    metadata,
    Column("name", sa.String(32), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("value", sa.JSON, nullable=False),
)

backup_clock = Table(
    "backup_clock",
    metadata,
    Column("one", sa.Integer, primary_key=True),
    Column("id", sa.String(32), nullable=False),
    Column("epoch", sa.BigInteger, nullable=False),
    Column("since", sa.BigInteger, nullable=False),
    Column("until", sa.BigInteger, nullable=False),
)

backup_tracked = Table(
    "backup_tracked",
    metadata,
    Column("table_name", sa.String(64), primary_key=True),
    Column("column_name", sa.String(64), nullable=False),
    Column("width", sa.BigInteger, nullable=False),
)

backup_changes = Table(  # with SQLite `mark` is no part of the primary key: see serve_apps/migrations/tracking.py
    "backup_changes",
    metadata,
    Column("table_name", sa.String(64), primary_key=True),
    Column("range_key", sa.String(64), primary_key=True),
    Column("mark", sa.BigInteger, primary_key=True, autoincrement=False),
)

backup_marks = Table(
    "backup_marks",
    metadata,
    Column("token", sa.String(32), primary_key=True),
    Column("number", sa.BigInteger, nullable=False),
)
