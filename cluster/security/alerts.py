"""Alerts that ask for a rollback: kept once each, the newest of them, and looked at by whoever may take a release back.

They come from a monitoring system with a key of its own; what it says is bounded and printable before it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Column, Engine, Table, UniqueConstraint

from cluster.security.audit import Act, append, metadata

KEPT = 1_000
LONGEST_NAME = 200
LONGEST_SUMMARY = 500

alerts = Table(
    "alerts",
    metadata,
    Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("fingerprint", sa.String(64), nullable=False),
    Column("starts_at", sa.Float, nullable=False),
    Column("received_at", sa.Float, nullable=False),
    Column("name", sa.String(LONGEST_NAME), nullable=False),
    Column("summary", sa.String(LONGEST_SUMMARY), nullable=False),
    UniqueConstraint("fingerprint", "starts_at"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that began to be wrong at `starts_at`; the same fingerprint and moment are the same alert."""

    fingerprint: str
    starts_at: datetime
    name: str
    summary: str

    def __str__(self) -> str:
        return f"alert {self.name}: {self.summary}" if self.summary else f"alert {self.name}"


class AlertStore:
    """The alerts in the database; safe to share between threads and processes."""

    def __init__(self, engine: Engine, kept: int = KEPT) -> None:
        self._engine = engine
        self._kept = kept

    def keep(self, found: Sequence[Alert], actor: str, now: datetime) -> int:
        """How many of them are new; the oldest beyond what is kept go.

        An alert that says it begins in the future begins now: it must not take back what comes later.
        """
        rows = {(alert.fingerprint, alert.starts_at.timestamp()): _row(alert, now) for alert in found}
        if not rows:
            return 0
        known = sa.tuple_(alerts.c.fingerprint, alerts.c.starts_at).in_(list(rows))
        beyond = sa.select(alerts.c.seq).order_by(alerts.c.seq.desc()).offset(self._kept).limit(1).scalar_subquery()
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # of two that bring the same, one waits
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('alerts'))")
            for row in connection.execute(sa.select(alerts.c.fingerprint, alerts.c.starts_at).where(known)).all():
                del rows[row.fingerprint, row.starts_at]
            if rows:
                connection.execute(alerts.insert(), list(rows.values()))
                connection.execute(alerts.delete().where(alerts.c.seq <= beyond))
                append(connection, actor, now, [Act("alert.kept", fingerprint) for fingerprint, _ in rows])
        return len(rows)

    def first_since(self, moment: datetime) -> Alert | None:
        """The first alert that came, of those that began after `moment`."""
        began = sa.case((alerts.c.starts_at > alerts.c.received_at, alerts.c.received_at), else_=alerts.c.starts_at)
        query = sa.select(alerts).where(began > moment.timestamp()).order_by(alerts.c.seq).limit(1)
        with self._engine.connect().execution_options(reading=True) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Alert(row.fingerprint, datetime.fromtimestamp(row.starts_at, UTC), row.name, row.summary)


def one_line(said: str, most: int) -> str:
    """What can be printed, with single spaces: these words come to terminals and logs."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in said).split())[:most]


def _row(alert: Alert, now: datetime) -> dict[str, object]:
    return {
        "fingerprint": alert.fingerprint,
        "starts_at": alert.starts_at.timestamp(),
        "received_at": now.timestamp(),
        "name": one_line(alert.name, LONGEST_NAME),
        "summary": one_line(alert.summary, LONGEST_SUMMARY),
    }
