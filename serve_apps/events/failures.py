"""Tries at a recognizer that failed, kept for whoever judges a release."""

from __future__ import annotations

import dataclasses
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import sqlalchemy as sa
from sqlalchemy import Engine

from serve_apps.database import in_commit_order
from serve_apps.tables import recognition_failures

KEPT = 10_000
MOST_WAITING = 1_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FailedTry:
    """An application that did not answer; `error` has at most 500 characters. Photographs have no camera."""

    at: datetime
    application: str
    camera_id: str | None
    trace_id: str | None
    error: str


class Failures:
    """Writes failed tries in a thread of others, by `submit`; the newest `kept` stay."""

    def __init__(self, engine: Engine, submit: Callable[[Callable[[], None]], object], kept: int = KEPT) -> None:
        self._engine = engine
        self._submit = submit
        self._kept = kept
        self._lock = Lock()
        self._waiting: deque[FailedTry] = deque()
        self._dropped = 0
        self._writing = False

    def note(self, failed: FailedTry) -> None:
        """Does not wait; with too many waiting already, it is only counted."""
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                self._dropped += 1
                return
            self._waiting.append(failed)
            starts, self._writing = not self._writing, True
        if starts:
            self._submit(self._write_all)

    def _write_all(self) -> None:
        while batch := self._taken():
            try:
                self._write(batch)
            except Exception as error:  # the outermost loop: whatever it was, what comes next is written
                log.warning("failures.dropped count=%d: %s", len(batch), type(error).__name__)

    def _taken(self) -> list[FailedTry]:
        """What waits; whoever finds nothing has ended writing, under the same lock."""
        with self._lock:
            batch, dropped = list(self._waiting), self._dropped
            self._waiting.clear()
            self._dropped = 0
            self._writing = bool(batch)
        if dropped:
            log.warning("failures.dropped count=%d: too many waited", dropped)
        return batch

    def _write(self, batch: list[FailedTry]) -> None:
        table = recognition_failures
        beyond = sa.select(table.c.seq).order_by(table.c.seq.desc()).offset(self._kept).limit(1).scalar_subquery()
        with self._engine.begin() as connection:
            in_commit_order(connection, table.name)
            connection.execute(table.insert(), [dataclasses.asdict(failed) for failed in batch])
            connection.execute(table.delete().where(table.c.seq <= beyond))
