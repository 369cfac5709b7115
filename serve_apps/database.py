"""One SQL schema on two engines: SQLite for one machine, PostgreSQL for several."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 10
MIGRATIONS = Path(__file__).parent / "migrations"


class DatabaseError(Exception):
    """The database cannot be used."""


def connect(url: str) -> Engine:
    """An engine for `sqlite:///…` or `postgresql://…`. Raises DatabaseError for another URL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseError(f"the database URL is none that is known: {error}") from None
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _sqlite(url)
    if kind != "postgresql":
        raise DatabaseError(f"the database URL is none that is known ('{kind}'): give sqlite:///FILE or postgresql://…")
    parsed = parsed.set(drivername="postgresql+psycopg")
    arguments: dict[str, Any] = {"pool_size": 8, "connect_args": {"connect_timeout": 5}}
    # Names and embeddings are parameters, and an error that quotes them ends in a log.
    return create_engine(parsed, pool_pre_ping=True, hide_parameters=True, **arguments)


def _sqlite(url: str) -> Engine:
    """An engine whose writers queue at a lock of the kernel's.

    SQLite's own waiting sleeps in steps up to 100 ms, which a frame would pay; a file lock wakes the next one at once.
    """
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    file = engine.url.database
    queue = Path(f"{file}-writers") if file and file != ":memory:" else None

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.isolation_level = None
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        if queue and connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            # SQLite lets nobody wait for a new file's journal to change: of several at once it may refuse one.
            turn = _turn(queue)
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            finally:
                os.close(turn)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns into a writer fails at once when another writes; one that begins
        # as a writer waits its turn.
        reading = connection.get_execution_options().get("reading", False)
        if queue and not reading:
            connection.info["writer"] = _turn(queue)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    @event.listens_for(engine, "checkin")
    def checkin(_: object, record: ConnectionPoolEntry) -> None:
        descriptor = record.info.pop("writer", None)
        if descriptor is not None:
            os.close(descriptor)

    return engine


def _turn(queue: Path) -> int:
    """Waits until it is this one's turn to write: a descriptor, whose closing ends the turn."""
    descriptor = os.open(queue, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A consistent view that blocks no writer."""
    with engine.connect() as connection:
        yield connection.execution_options(reading=True)


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to this version, safely when several processes start at once. Raises DatabaseError."""
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(6814)")
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except CommandError as error:
        raise DatabaseError(f"the database is of a newer version than this program: {error}") from error
    except DBAPIError as error:
        raise DatabaseError(f"the database cannot be opened: {error.orig}") from error


def in_commit_order(connection: Connection, what: str) -> None:
    """Make transactions over `what` commit in the order of their sequence numbers.

    Readers that follow a sequence would otherwise miss a row whose transaction commits late. SQLite has one writer
    anyway; PostgreSQL takes a lock that ends with the transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext(%(what)s))", {"what": what})


@contextmanager
def alone(engine: Engine, what: str) -> Iterator[bool]:
    """Whether nobody else does `what` with this database meanwhile; the end of a process ends its turn."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            named = {"what": what}
            held = connection.exec_driver_sql("SELECT pg_try_advisory_lock(hashtext(%(what)s))", named).scalar()
            try:
                yield bool(held)
            finally:
                with suppress(DBAPIError):  # the server hears of the session's end a moment later
                    connection.exec_driver_sql("SELECT pg_advisory_unlock(hashtext(%(what)s))", named)
                connection.invalidate()  # a lock of a session's ends with it
        return
    with Path(f"{engine.url.database}-{what}").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
