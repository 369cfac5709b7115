"""The thread that brings a gateway's counts to the database, off the hot path."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from serve_apps.load.counts import LoadCounts, Sixty
from serve_apps.load.facts import ROUTING, Facts
from serve_apps.load.store import LoadStore

log = logging.getLogger(__name__)

WRITE_SECONDS = 5.0
MOST_WAITING = 600
"""Minutes and groups that wait for a database that is away: with one group ten hours."""


class Recorder:
    """Writes what `counts` has, and the routing the gateway obeys when it is another one.

    A database that is away is logged once, and costs no request: what it misses waits in memory.
    """

    def __init__(
        self,
        counts: LoadCounts,
        write: Callable[[Sequence[Sixty]], None],
        write_routing: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._counts = counts
        self._write = write
        self._write_routing = write_routing
        self._routing: Mapping[str, Any] | None = None
        self._lock = threading.Lock()
        self._away = False

    def obeyed(self, routing: Mapping[str, Any]) -> None:
        """The gateway takes this routing from now on; does not wait."""
        with self._lock:
            self._routing = routing

    def start(self, seconds: float = WRITE_SECONDS) -> None:
        """Write every so many seconds, as long as the process lives."""

        def forever() -> None:
            pause = threading.Event()
            while True:
                try:
                    self.round()
                except Exception:
                    # The outermost loop: load goes on being recorded, whatever it was.
                    log.exception("load.round_failed")
                pause.wait(seconds)

        threading.Thread(target=forever, name="load", daemon=True).start()

    def round(self) -> None:
        """Write once."""
        rows, routing = self._counts.changed(), self._routing
        try:
            self._write(rows)
            if routing is not None:
                self._write_routing(routing)
        except (SQLAlchemyError, OSError) as error:
            self._missed(rows, error)
            return
        self._counts.written(rows)
        with self._lock:
            if self._routing is routing:
                self._routing = None
        if self._away:
            log.info("load.written_again rows=%d", len(rows))
        self._away = False

    def _missed(self, rows: Sequence[Sixty], error: Exception) -> None:
        given_up = self._counts.not_written(rows, MOST_WAITING)
        if not self._away:
            log.warning("load.not_written rows=%d: %s; they wait in memory", len(rows), type(error).__name__)
        if given_up:
            log.warning("load.given_up rows=%d: more than %d waited", given_up, MOST_WAITING)
        self._away = True


def recording(counts: LoadCounts, engine: Engine, clock: Callable[[], datetime]) -> Recorder:
    """A recorder that writes to this database from now on."""
    recorder = Recorder(counts, LoadStore(engine).write, partial(Facts(engine, clock).write, ROUTING))
    recorder.start()
    return recorder
