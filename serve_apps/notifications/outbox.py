"""Notices that are owed, written in the event's own transaction.

A notice goes pending → sending → delivered. `sending` is committed before the channel is touched. When a courier
dies in `sending`, nobody can know whether the message left: after its lease the notice becomes `uncertain` and is
held (never twice), or sent again where the recipient is said to drop repetitions. A refused delivery returns to
pending with a later due time; after the last attempt it is `failed`.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from serve_apps.database import reading
from serve_apps.events.event import Event
from serve_apps.events.store import events_by_seq
from serve_apps.tables import notices

LEASE = timedelta(seconds=60)
"""Longer than any channel takes: apprise gives up a connection after 4 s and an answer after 4 s."""

MOST_ATTEMPTS = 15
FIRST_DELAY = 2.0
LONGEST_DELAY = 3600.0

_INSERT = notices.insert()


class NoticeState(StrEnum):
    """Where a notice is on its way."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    UNCERTAIN = "uncertain"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message of an event to one recipient; `attempts` counts the one under way."""

    id: str
    recipient: str
    attempts: int
    event: Event


def add(connection: Connection, event: Event, recipients: tuple[str, ...], now: datetime) -> None:
    """Owe each recipient a notice, in the event's transaction."""
    if recipients:
        common = {"event_seq": event.seq, "state": NoticeState.PENDING, "attempts": 0, "due_at": now}
        rows = [common | {"id": str(uuid.uuid4()), "recipient": name} for name in recipients]
        connection.execute(_INSERT, rows)


def delay_after(attempts: int, jitter: float) -> timedelta:
    """Exponential backoff; `jitter` in 0..1 spreads it over its upper half."""
    longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (attempts - 1))
    return timedelta(seconds=longest * (1 + jitter) / 2)


class Outbox:
    """What couriers take from; safe with several couriers at once."""

    def __init__(self, engine: Engine, jitter: Callable[[], float] = random.random) -> None:
        self._engine = engine
        self._jitter = jitter

    def take(self, courier: str, now: datetime, limit: int) -> list[Notice]:
        """Notices that are due; from here on they are this courier's until their lease ends."""
        if not self._any_due(now):
            return []
        due = sa.select(notices.c.id).where(notices.c.state == NoticeState.PENDING, notices.c.due_at <= now)
        due = due.order_by(notices.c.due_at).limit(limit).with_for_update(skip_locked=True)
        with self._engine.begin() as connection:
            ids = list(connection.scalars(due))
            sending = {"state": NoticeState.SENDING, "claimed_by": courier, "due_at": now + LEASE}
            sending["attempts"] = notices.c.attempts + 1
            connection.execute(notices.update().where(notices.c.id.in_(ids)).values(sending))
            rows = connection.execute(sa.select(notices).where(notices.c.id.in_(ids))).all()
            events = {event.seq: event for event in events_by_seq(connection, [row.event_seq for row in rows])}
        return [Notice(row.id, row.recipient, row.attempts, events[row.event_seq]) for row in rows]

    def delivered(self, taken: Sequence[Notice], now: datetime) -> None:
        """The channel took them."""
        self._settle(taken, {"state": NoticeState.DELIVERED, "delivered_at": now, "last_error": None})

    def refused(self, notice: Notice, reason: str, now: datetime) -> NoticeState:
        """The channel did not take it: later again, or failed after the last attempt."""
        state = NoticeState.FAILED if notice.attempts >= MOST_ATTEMPTS else NoticeState.PENDING
        due = now + delay_after(notice.attempts, self._jitter())
        self._settle([notice], {"state": state, "due_at": due, "last_error": reason[:500]})
        return state

    def expired(self, now: datetime) -> list[Notice]:
        """Notices whose courier did not say how it ended."""
        with reading(self._engine) as connection:
            late = sa.select(notices).where(notices.c.state == NoticeState.SENDING, notices.c.due_at <= now)
            rows = connection.execute(late).all()
            events = {event.seq: event for event in events_by_seq(connection, [row.event_seq for row in rows])}
        return [Notice(row.id, row.recipient, row.attempts, events[row.event_seq]) for row in rows]

    def hold(self, notice: Notice) -> None:
        """Nobody can know whether it was delivered: leave it, for a person to see."""
        self._settle([notice], {"state": NoticeState.UNCERTAIN, "last_error": "the courier died while it was sending"})

    def count(self) -> dict[str, int]:
        """How many notices are in each state."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(notices.c.state, sa.func.count()).group_by(notices.c.state))
            return {state: number for state, number in rows}

    def _any_due(self, now: datetime) -> bool:
        """Asked ten times a second, so without a writer's lock."""
        with reading(self._engine) as connection:
            due = sa.select(notices.c.id).where(notices.c.state == NoticeState.PENDING, notices.c.due_at <= now)
            return connection.execute(due.limit(1)).first() is not None

    def _settle(self, taken: Sequence[Notice], values: dict[str, object]) -> None:
        """Only the attempt that is under way may say how it ended: an older courier's word is too late."""
        this_attempt = (
            notices.c.id == sa.bindparam("notice"),
            notices.c.attempts == sa.bindparam("attempt"),
            notices.c.state == NoticeState.SENDING,
        )
        rows = [{"notice": notice.id, "attempt": notice.attempts} for notice in taken]
        with self._engine.begin() as connection:
            connection.execute(notices.update().where(*this_attempt).values(values), rows)
