"""Whether a frame would be answered and kept, and whether the gateway's threads still turn."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from serve_apps.database import reading
from serve_apps.gallery.store import Gallery
from serve_apps.tables import people

FRESH_SECONDS = 2.0
"""For how long a look is good: balancers ask often, and each look writes to the disk."""

PATIENCE_SECONDS = 3.0
PROBE_BYTES = 256 * 1024
"""More than a frame's transaction writes."""

LOOKED_AT = 20
"""The people enrolled last, of whose keys one is looked at each: a keyring is lost as a whole."""

STUCK_SECONDS = 120.0
"""Longer than a queue of frames before a database that is away, which no new process would mend."""


class Readiness:
    """Looks never twice at once: a look that hangs takes one of the gateway's threads, and not all of them."""

    def __init__(
        self, look: Callable[[], str | None], pool: Executor, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._pool = pool
        self._clock = clock
        self._found: Future[str | None] | None = None
        self._at = 0.0

    async def missing(self) -> str | None:
        """What keeps a frame from being answered, or None."""
        if self._found is None or (self._found.done() and self._clock() - self._at > FRESH_SECONDS):
            self._at = self._clock()
            self._found = self._pool.submit(self._look)
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._found)), PATIENCE_SECONDS)
        except TimeoutError:
            return f"the database has not answered for {self._clock() - self._at:.0f} s"


class Pulse:
    """Gives each pool of threads something to do, and is asked again later whether it was done. Never waits."""

    def __init__(self, pools: Mapping[str, Executor], clock: Callable[[], float] = time.monotonic) -> None:
        self._pools = pools
        self._clock = clock
        self._beats: dict[str, tuple[Future[None], float]] = {}

    def stuck(self) -> str | None:
        """The first pool that has done nothing for STUCK_SECONDS, or None."""
        now = self._clock()
        for name, pool in self._pools.items():
            beat = self._beats.get(name)
            if beat is None or beat[0].done():
                self._beats[name] = (pool.submit(_beat), now)
            elif now - beat[1] > STUCK_SECONDS:
                return name
        return None


def unable(gallery: Gallery) -> str | None:
    """Why a frame cannot be recorded, or nobody be recognized; None when both can be done. Names no path."""
    try:
        return _lost(gallery.database, "database") or _unwritable(gallery.database) or _without_keys(gallery)
    except SQLAlchemyError:
        return "the database does not answer"


def _lost(engine: Engine, what: str) -> str | None:
    """Open connections go on with a file of SQLite's that was removed, and everything is gone when they end."""
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
        return f"the {what}'s file is gone"
    return None


def _unwritable(engine: Engine) -> str | None:
    """By writing: what can be read from a full disk, or from a standby, says nothing."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            if connection.exec_driver_sql("SELECT current_setting('transaction_read_only')").scalar() == "on":
                return "the database takes no writes"
            # A record of the log, which a commit brings to the disk, and no row.
            connection.exec_driver_sql("SELECT pg_logical_emit_message(true, 'doorbell', 'ready')")
        return None
    try:
        with tempfile.TemporaryFile(dir=Path(engine.url.database or "").parent) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return "the disk is full: nothing can be recorded" if full else f"the disk does not write: {error.strerror}"
    return None


def _without_keys(gallery: Gallery) -> str | None:
    keyring = gallery.keyring
    with reading(gallery.database) as connection:
        newest = set(connection.scalars(sa.select(people.c.id).order_by(people.c.created_at.desc()).limit(LOOKED_AT)))
    try:
        lost = _lost(keyring.database, "keyring") or keyring.unopened(newest)
    except SQLAlchemyError:
        return "the keyring does not answer"
    if isinstance(lost, str):
        return lost
    return f"the keyring is lost: {len(lost)} of {len(newest)} people have no key that opens" if lost else None


def _beat() -> None:
    """Done is all that it has to be."""
