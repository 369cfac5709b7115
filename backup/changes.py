"""A consistent view of a database, and which ranges have changed since the view of an older snapshot.

Triggers mark ranges (serve_apps/migrations/tracking.py). A snapshot leaves a token in the database before its view, and
says it in its position: a database that does not have the token (restored, copied back, another one) has everything
read. A range that changes while the view is opened may be marked though the view has seen it: it is read once more.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from backup.manifest import Source
from backup.tables import revision_of

TOKENS_KEPT = 1000
"""Snapshots of a database that may be the base of the next: of one repository it is the last one."""

ROOM = 1_000_000
"""PostgreSQL's transactions whose changes are noted after a snapshot; with more of them everything is read again."""

MARGIN = 10_000
"""Of these, those that may run while a snapshot makes new room."""

XID = "pg_current_xact_id()::text::bigint"

NOT_YET = 2**63 - 1
"""For PostgreSQL's `since`: changes are noted from a transaction on that has not been seen to commit."""


@dataclass(frozen=True, slots=True)
class View:
    """What `connection` sees does not change. `source.position` is empty when no changes are noted."""

    connection: Connection
    source: Source

    def changed_since(self, base: Source | None) -> dict[str, set[str]] | None:
        """Ranges by table; None when nobody can tell, and everything is to be read."""
        position = self.source.position
        if base is None or not position or not base.position or base.database != self.source.database:
            return None
        token, mark = base.position.split(" ")
        if not self._holds(token):
            return None
        found: dict[str, set[str]] = defaultdict(set)
        rows = self._sqlite(mark) if self.source.engine == "sqlite" else self._postgresql(mark)
        if rows is None:
            return None
        for table, key in rows:
            found[table].add(key)
        return dict(found)

    def _holds(self, token: str) -> bool:
        query = sa.text("SELECT count(*) FROM backup_marks WHERE token = :token")
        return bool(self.connection.scalar(query, {"token": token}))

    def _sqlite(self, mark: str) -> list[tuple[str, str]]:
        query = sa.text("SELECT table_name, range_key FROM backup_changes WHERE mark >= :mark")
        return list(self.connection.execute(query, {"mark": int(mark)}).tuples())

    def _postgresql(self, mark: str) -> list[tuple[str, str]] | None:
        # A transaction that had begun before marks were made may have written without any.
        marked = "SELECT pg_snapshot_xmin(CAST(:mark AS pg_snapshot))::text::bigint > since FROM backup_clock"
        if not self.connection.scalar(sa.text(marked), {"mark": mark}):
            return None
        query = (
            "SELECT DISTINCT table_name, range_key FROM backup_changes "
            "WHERE NOT pg_visible_in_snapshot(mark::text::xid8, CAST(:mark AS pg_snapshot))"
        )
        return list(self.connection.execute(sa.text(query), {"mark": mark}).tuples())


@contextmanager
def view(engine: Engine) -> Iterator[View]:
    """Blocks nobody."""
    token = secrets.token_hex(8)
    with engine.begin() as connection:
        marked = _mark(connection, token)
    if marked and engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            _noted_from_now_on(connection)
    with engine.connect() as plain:
        if plain.dialect.name == "sqlite":
            connection = plain.execution_options(reading=True)
        else:
            connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        connection.exec_driver_sql(_FIRST[plain.dialect.name])  # from here on the view stands still
        yield View(connection, _source(connection, token if marked else None))


_FIRST = {"sqlite": "SELECT count(*) FROM sqlite_master", "postgresql": "SELECT pg_current_snapshot()"}


def _mark(connection: Connection, token: str) -> bool:
    """Leave a token; False where no changes are noted."""
    if not sa.inspect(connection).has_table("backup_clock"):
        return False
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("UPDATE backup_clock SET epoch = epoch + 1")
    else:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('backup marks'))")
        _make_room(connection)
        _put_together(connection)
        connection.exec_driver_sql("UPDATE backup_clock SET epoch = epoch + 1")
    leave = sa.text("INSERT INTO backup_marks SELECT :token, epoch FROM backup_clock")
    connection.execute(leave, {"token": token})
    oldest = sa.text("DELETE FROM backup_marks WHERE number <= (SELECT epoch FROM backup_clock) - :kept")
    connection.execute(oldest, {"kept": TOKENS_KEPT})
    return True


def _make_room(connection: Connection) -> None:
    """Transactions go on being noted. Where they were not, or may not have been, they are once this one commits."""
    new = f"since = CASE WHEN {XID} >= until - {MARGIN} THEN {NOT_YET} ELSE since END, until = {XID} + {ROOM}"
    connection.exec_driver_sql(f"UPDATE backup_clock SET {new}")  # noqa: S608


def _noted_from_now_on(connection: Connection) -> None:
    """A transaction of its own: one with a higher number than `_make_room`'s may have written before that committed."""
    connection.exec_driver_sql(f"UPDATE backup_clock SET since = {XID} WHERE since = {NOT_YET}")  # noqa: S608


def _put_together(connection: Connection) -> None:
    """One mark, this transaction's, for each range that has several.

    No older one may stand for the others: a view may have seen it and not seen one that is older still.
    """
    connection.exec_driver_sql(
        f"""WITH several AS (SELECT table_name, range_key FROM backup_changes GROUP BY 1, 2 HAVING count(*) > 1),
        gone AS (DELETE FROM backup_changes USING several WHERE backup_changes.table_name = several.table_name
            AND backup_changes.range_key = several.range_key RETURNING several.table_name, several.range_key)
        INSERT INTO backup_changes SELECT DISTINCT table_name, range_key, {XID} FROM gone"""  # noqa: S608
    )


def _source(connection: Connection, token: str | None) -> Source:
    engine: Literal["sqlite", "postgresql"] = "sqlite" if connection.dialect.name == "sqlite" else "postgresql"
    revision = revision_of(connection)
    if token is None:
        return Source("", engine, revision, "")
    database, epoch = connection.exec_driver_sql("SELECT id, epoch FROM backup_clock").tuples().one()
    if engine == "sqlite":
        return Source(database, engine, revision, f"{token} {epoch}")
    system = connection.exec_driver_sql("SELECT system_identifier FROM pg_control_system()").scalar()
    seen = connection.exec_driver_sql("SELECT pg_current_snapshot()::text").scalar()
    return Source(f"{database}-{system}", engine, revision, f"{token} {seen}")
