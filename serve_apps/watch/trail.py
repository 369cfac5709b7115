"""Follows the audit trail: what is written there is counted, and that it is as it was written is looked at."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Engine

from cluster.monitoring.meter import Meter
from cluster.monitoring.metrics import SECURITY
from cluster.security.audit import AuditBroken, Entry, Whole, follow, walk

DAY = 86_400.0
EVENTS = {
    "key.made": "key_created",
    "key.revoked": "key_revoked",
    "device.revoked": "device_revoked",
    "device.enrolled": "device_enrolled",
    "person.erased": "person_erased",
}
"""By the trail's actions."""

SOURCES = {"key_created": "cli", "key_revoked": "cli", "device_revoked": "cli", "device_enrolled": "devices"}


class Trail:
    """From where the trail ends at the start. `clock` is monotonic seconds."""

    def __init__(self, engine: Engine, meter: Meter, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._meter = meter
        self._clock = clock
        self._known: Whole | None = None
        self._walked_at = 0.0

    def look(self) -> None:
        """What is new; the whole chain once a day. Raises AuditBroken at each look, SQLAlchemyError."""
        try:
            for entry in follow(self._engine, self._known) if self._known else ():
                self._count(entry)
                self._known = Whole(entry.seq, entry.hash)
            if self._known is None or self._clock() - self._walked_at > DAY:
                self._known = walk(self._engine, self._known.head if self._known else None)
                self._walked_at = self._clock()
        except AuditBroken:
            self._meter.add(SECURITY, "audit_broken", "other", "recorded")
            raise

    def _count(self, entry: Entry) -> None:
        if (event := EVENTS.get(entry.action)) is not None:
            source = SOURCES.get(event) or ("people" if entry.actor.startswith("key ") else "cli")
            self._meter.add(SECURITY, event, source, "recorded")
