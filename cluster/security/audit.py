"""The audit trail: rows that only grow in number, each with the hash of the one before it.

A hash is SHA-256 over the previous row's hash and the canonical JSON of the row. So a row that was changed, taken out
or put in between is found by walking the chain, and a tail that was cut off by a hash that was written down earlier.
Whoever may write to the database can still compute the whole chain anew: only a hash kept elsewhere tells then.

A row names keys, people and devices by their ids, never by name, and holds no secret: it outlives an erasure.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Connection, Engine, MetaData, Table

metadata = MetaData()
"""Of every table that the folders below `cluster` have."""

audit = Table(
    "audit",
    metadata,
    Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", sa.String(32), nullable=False),
    Column("actor", sa.String(200), nullable=False),
    Column("action", sa.String(64), nullable=False),
    Column("object", sa.String(100), nullable=False),
    Column("details", sa.JSON, nullable=False),
    Column("previous", sa.String(64), nullable=False),
    Column("hash", sa.String(64), nullable=False),
)

FIRST = "0" * 64
"""What stands for the row before the first one."""

PART = 1000
"""Rows that are read at once."""


class AuditBroken(Exception):
    """The trail is not as it was written."""


@dataclass(frozen=True, slots=True)
class Act:
    """What was done to what; `object` is an id or a release's name."""

    action: str
    object: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row; `at` is RFC 3339 in UTC, the hashes are 64 hex digits."""

    seq: int
    at: str
    actor: str
    action: str
    object: str
    details: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Whole:
    """How many rows the chain has, and the last one's hash."""

    rows: int
    head: str


def operator() -> str:
    """Who types commands here: `user@machine`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"[:200]


def append(connection: Connection, actor: str, now: datetime, acts: Sequence[Act]) -> None:
    """Write rows in this transaction, as the last thing that it does: others wait with theirs until it ends."""
    if not acts:
        return
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('audit'))")
    last = connection.execute(sa.select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    seq, previous = (0, FIRST) if last is None else (last.seq, last.hash)
    at, rows = now.astimezone(UTC).isoformat(timespec="microseconds"), []
    for act in acts:
        seq += 1
        entry = Entry(seq, at, actor, act.action, act.object, act.details, previous, "")
        previous = _hash(entry)
        rows.append(asdict(entry) | {"hash": previous})
    connection.execute(audit.insert(), rows)


def newest(engine: Engine, limit: int, action: str = "") -> list[Entry]:
    """The last rows whose action begins like this, the oldest of them first."""
    query = sa.select(audit).where(audit.c.action.startswith(action, autoescape=True))
    with engine.connect().execution_options(reading=True) as connection:
        rows = connection.execute(query.order_by(audit.c.seq.desc()).limit(limit)).all()
    return [Entry(**row._mapping) for row in reversed(rows)]


def walk(engine: Engine, head: str | None = None) -> Whole:
    """Look at every row. Raises AuditBroken, which names the first that is not as it was written.

    With `head`, the hash of some row as it was written down earlier, that row must still be there.
    """
    last, met = Whole(0, FIRST), head in (None, FIRST)
    for entry in _checked(_entries(engine), last):
        last = Whole(entry.seq, entry.hash)
        met = met or entry.hash == head
    if not met:
        raise AuditBroken(f"no row has the hash {head} any more: the trail's end was cut off, or it was written anew")
    return last


def follow(engine: Engine, known: Whole) -> Iterator[Entry]:
    """The rows after those that are known. Raises AuditBroken, also when the last known row is not there as it was."""
    entries = _entries(engine, known.rows)
    if known.rows:
        last = next(entries, None)
        if last is None or last.seq != known.rows or last.hash != known.head:
            raise AuditBroken(f"row {known.rows} is not as it was: the trail's end was cut off, or it was written anew")
    yield from _checked(entries, known)


def _checked(entries: Iterator[Entry], before: Whole) -> Iterator[Entry]:
    seq, previous = before.rows, before.head
    for entry in entries:
        seq += 1
        if entry.seq != seq:
            raise AuditBroken(f"row {seq} is missing: row {entry.seq} comes after row {seq - 1}")
        if entry.previous != previous:
            raise AuditBroken(f"row {seq} does not follow row {seq - 1}: one of the two was written anew")
        if _hash(entry) != entry.hash:
            raise AuditBroken(f"row {seq} was changed: {entry.action} of {entry.object}, {entry.at}")
        previous = entry.hash
        yield entry


def _entries(engine: Engine, first: int = 0) -> Iterator[Entry]:
    query = sa.select(audit).where(audit.c.seq >= first).order_by(audit.c.seq)
    with engine.connect().execution_options(reading=True, yield_per=PART) as connection:
        for row in connection.execute(query):
            yield Entry(**row._mapping)


def _hash(entry: Entry) -> str:
    """Of everything but the hash itself; keys sorted, no spaces, ASCII."""
    row = {name: value for name, value in asdict(entry).items() if name not in ("previous", "hash")}
    canonical = json.dumps(row, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(f"{entry.previous}{canonical}".encode()).hexdigest()
