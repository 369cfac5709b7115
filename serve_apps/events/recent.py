"""Some of the frames that were answered lately, sealed: what a new release is replayed before it gets traffic.

Each is sealed with AES-256-GCM under a key of its own in the keyring, beside those of the saved indexes: whoever is
erased may be in any of the frames, recognized or not, so all of these keys end with any person's. Only JPEGs are kept,
without metadata and without what stands behind their end.

A row is written before its bytes and removed after them, so that nothing lies around that no row names.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine

from cluster.security.keyring import NONCE_BYTES, Keyring, KeyringError
from serve_apps import jpeg
from serve_apps.database import reading
from serve_apps.events.event import Event
from serve_apps.gallery.crops import Crops, CropsUnavailable
from serve_apps.tables import recent_frames

log = logging.getLogger(__name__)

NAME = "frame"
"""Of a frame's file, in the folder that is called as its event."""

SETTLED = timedelta(minutes=1)
"""A row that has no bytes after so long was left by a process that was killed."""


@dataclass(frozen=True, slots=True)
class RecentLimits:
    """The most frames that are kept, by all gateways together, and for how long; none with 0."""

    most: int = 200
    age: timedelta = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class RecentFrame:
    """A kept frame; `seq` grows with each one, `image` is a JPEG."""

    seq: int
    event_id: str
    camera_id: str
    captured_at: datetime
    image: bytes


class RecentFrames:
    """Safe to share between threads and processes. `blobs` keeps the sealed bytes by event."""

    def __init__(
        self, engine: Engine, keyring: Keyring, blobs: Crops, limits: RecentLimits, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._keyring = keyring
        self._blobs = blobs
        self._limits = limits
        self._clock = clock

    def keep(self, image: bytes, event: Event) -> None:
        """Keep a frame, and remove what is too much or too old. Raises CropsUnavailable, SQLAlchemyError."""
        bare = jpeg.without_metadata(image)
        if bare is None:
            return
        key_id, key = self._keyring.create_file_key()
        row = {"event_id": event.id, "camera_id": event.camera_id, "captured_at": event.captured_at}
        with self._engine.begin() as connection:
            connection.execute(recent_frames.insert().values(row | {"kept_at": self._clock(), "key_id": key_id}))
        # Asked after the key was made: an erasure that came later has ended the key.
        if self._keyring.without_key(sorted(event.person_ids)):
            self._remove([(event.id, key_id)])
            return
        nonce = os.urandom(NONCE_BYTES)
        self._blobs.put(event.id, NAME, nonce + AESGCM(key).encrypt(nonce, bare, _label(event.id)))
        if not self._named(event.id):
            self._blobs.remove(event.id)
        self.prune()

    def newest(self, count: int, before: int | None = None) -> list[RecentFrame]:
        """At most `count` frames, the newest first, those older than the number `before` only.

        What cannot be opened is passed over, and removed unless it may just be being written.
        """
        table, found = recent_frames, list[RecentFrame]()
        oldest = self._clock() - self._limits.age
        while len(found) < count:
            query = sa.select(table).where(table.c.kept_at >= oldest).order_by(table.c.seq.desc())
            if before is not None:
                query = query.where(table.c.seq < before)
            with reading(self._engine) as connection:
                rows = connection.execute(query.limit(count - len(found))).all()
            if not rows:
                break
            before = rows[-1].seq
            found += [frame for frame in map(self._opened, rows) if frame is not None]
        return found

    def frame(self, event_id: str) -> RecentFrame | None:
        """The kept frame of this event."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(recent_frames).where(recent_frames.c.event_id == event_id)).first()
        if row is None or row.kept_at < self._clock() - self._limits.age:
            return None
        return self._opened(row)

    def prune(self) -> None:
        """Remove what is beyond the limits. Raises CropsUnavailable, SQLAlchemyError."""
        table = recent_frames
        beyond = sa.select(table.c.seq).order_by(table.c.seq.desc()).offset(self._limits.most).limit(1)
        old = table.c.kept_at < self._clock() - self._limits.age
        self._remove_where((table.c.seq <= beyond.scalar_subquery()) | old)

    def clear(self) -> None:
        """Remove them all: somebody was erased. Raises CropsUnavailable, SQLAlchemyError."""
        self._remove_where(sa.true())

    def _remove_where(self, doomed: sa.ColumnElement[bool]) -> None:
        query = sa.select(recent_frames.c.event_id, recent_frames.c.key_id).where(doomed)
        with reading(self._engine) as connection:
            rows = connection.execute(query).tuples().all()
        self._remove(rows)

    def _remove(self, rows: Sequence[tuple[str, str]]) -> None:
        if not rows:
            return
        self._keyring.destroy_file_key(*(key_id for _, key_id in rows))
        for event_id, _ in rows:
            self._blobs.remove(event_id)
        with self._engine.begin() as connection:
            gone = recent_frames.c.event_id.in_([event_id for event_id, _ in rows])
            connection.execute(recent_frames.delete().where(gone))

    def _named(self, event_id: str) -> bool:
        query = sa.select(recent_frames.c.seq).where(recent_frames.c.event_id == event_id)
        with reading(self._engine) as connection:
            return connection.scalar(query) is not None

    def _opened(self, row: sa.Row[tuple[object, ...]]) -> RecentFrame | None:
        values = row._mapping
        event_id, key_id = str(values["event_id"]), str(values["key_id"])
        try:
            cipher = AESGCM(self._keyring.file_key(key_id))
            sealed = self._blobs.get(event_id, NAME)
            image = cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _label(event_id))
        except (KeyringError, CropsUnavailable, InvalidTag, ValueError) as error:
            log.warning("recent_frames.unreadable event=%s: %s", event_id, error or type(error).__name__)
            if values["kept_at"] < self._clock() - SETTLED:
                self._removed_if_possible(event_id, key_id)
            return None
        return RecentFrame(values["seq"], event_id, values["camera_id"], values["captured_at"], image)

    def _removed_if_possible(self, event_id: str, key_id: str) -> None:
        try:
            self._remove([(event_id, key_id)])
        except CropsUnavailable as error:  # the storage is away: the row stays, so that nothing is forgotten there
            log.warning("recent_frames.not_removed event=%s: %s", event_id, error)


def _label(event_id: str) -> bytes:
    return f"frame {event_id}".encode()
