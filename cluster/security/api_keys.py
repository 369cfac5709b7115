"""API keys: made once, shown once, kept as a hash, revoked within a second everywhere.

A key is `db_<id>_<secret>`. The secret has 256 random bits, so one round of SHA-256 keeps it: there is nothing a
dictionary could try. `KeyCheck` is what a server asks: a snapshot of all keys, at most half a second old.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Column, Connection, Engine, Table

from cluster.security import audit
from cluster.security.audit import Act

metadata = audit.metadata
keys = Table(
    "api_keys",
    metadata,
    Column("id", sa.String(16), primary_key=True),
    Column("name", sa.String(100), nullable=False),
    Column("secret_sha256", sa.String(64), nullable=False),
    Column("scopes", sa.String(200), nullable=False),
    Column("created_at", sa.Float, nullable=False),
    Column("expires_at", sa.Float),
    Column("revoked_at", sa.Float),
)

NEW_KEY_SECONDS = 0.05
"""How old a snapshot may be that says a key does not exist: a new key works at once, guessing costs 20 reads/s."""

_FORM = re.compile(r"db_([0-9a-f]{12})_([0-9A-Za-z_-]{43})")


class Scope(StrEnum):
    """What a key may do; admin may do everything."""

    FRAMES = "frames"
    PEOPLE = "people"
    EVENTS = "events"
    ALERTS = "alerts"
    ADMIN = "admin"


def id_of(key: str) -> str:
    """The id inside a key that `KeyStore.create` returned."""
    return key.split("_")[1]


class UnknownKey(Exception):
    """No key has this id."""


class KeysUnavailable(Exception):
    """The keys cannot be read, so nobody can be let in."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret; moments are aware UTC."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def allows(self, scope: Scope) -> bool:
        """Whether this key may do what `scope` covers."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class KeyStore:
    """The keys in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str, scopes: frozenset[Scope], now: datetime, expires_at: datetime | None = None) -> str:
        """Make a key and return it in full: the only time that it can be read."""
        ends = expires_at.isoformat(timespec="seconds") if expires_at else None
        with self._engine.begin() as connection:
            key = insert(connection, name, scopes, now, expires_at)
            made = Act("key.made", id_of(key), {"scopes": sorted(scopes), "ends": ends})
            audit.append(connection, audit.operator(), now, [made])
        return key

    def all(self) -> list[ApiKey]:
        """Every key, the oldest first."""
        return [key for key, _ in self.load()]

    def revoke(self, key_id: str, now: datetime, action: str = "key.revoked") -> None:
        """End a key; ending it again changes nothing. `action` is what the audit trail calls it. Raises UnknownKey."""
        open_one = keys.update().where(keys.c.id == key_id, keys.c.revoked_at.is_(None))
        with self._engine.begin() as connection:
            if connection.scalar(sa.select(keys.c.id).where(keys.c.id == key_id)) is None:
                raise UnknownKey(f"no key has the id {key_id}; 'doorbell keys list' shows them")
            if connection.execute(open_one.values(revoked_at=now.timestamp())).rowcount:
                audit.append(connection, audit.operator(), now, [Act(action, key_id)])

    def load(self) -> list[tuple[ApiKey, str]]:
        """Every key with the hash of its secret."""
        with self._engine.connect().execution_options(reading=True) as connection:
            rows = connection.execute(sa.select(keys).order_by(keys.c.created_at)).all()
        return [(_api_key(row), row.secret_sha256) for row in rows]


def insert(
    connection: Connection, name: str, scopes: frozenset[Scope], now: datetime, expires_at: datetime | None = None
) -> str:
    """Make a key in this transaction and return it in full."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = {
        "id": key_id,
        "name": name,
        "secret_sha256": _hash(secret),
        "scopes": ",".join(sorted(scopes)),
        "created_at": now.timestamp(),
        "expires_at": expires_at.timestamp() if expires_at else None,
    }
    connection.execute(keys.insert().values(row))
    return f"db_{key_id}_{secret}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _api_key(row: sa.Row[tuple[object, ...]]) -> ApiKey:
    scopes = frozenset(Scope(word) for word in row.scopes.split(",") if word)
    created = datetime.fromtimestamp(row.created_at, UTC)
    return ApiKey(row.id, row.name, scopes, created, _moment(row.expires_at), _moment(row.revoked_at))


class KeyCheck:
    """Tells whose key a request carries, from a snapshot that is never older than `seconds`.

    Safe to share between threads. `clock` is monotonic seconds.
    """

    def __init__(self, store: KeyStore, seconds: float = 0.5, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[ApiKey, str]] = {}
        self._read_at = float("-inf")

    def at_hand(self, presented: str) -> bool:
        """Whether asking for this key would not read the database, and so not wait."""
        form = _FORM.fullmatch(presented)
        known = form is None or form[1] in self._known
        return known and self._clock() - self._read_at <= self._seconds

    def __call__(self, presented: str, now: datetime) -> ApiKey | None:
        """The key that was presented, or None when it is unknown, wrong, revoked or past its end.

        Raises KeysUnavailable when the snapshot is too old and cannot be renewed.
        """
        form = _FORM.fullmatch(presented)
        if form is None:
            return None
        known = self._snapshot(self._seconds)
        if form[1] not in known:
            known = self._snapshot(NEW_KEY_SECONDS)
        key, expected = known.get(form[1], (None, ""))
        right = hmac.compare_digest(_hash(form[2]), expected)
        if key is None or not right or key.revoked_at is not None:
            return None
        return None if key.expires_at is not None and key.expires_at <= now else key

    def has_ended(self, presented: str) -> bool:
        """Whether a key that was not let through was right once: it is revoked, or past its end."""
        form = _FORM.fullmatch(presented)
        known = self._known.get(form[1]) if form else None
        return form is not None and known is not None and hmac.compare_digest(_hash(form[2]), known[1])

    def _snapshot(self, seconds: float) -> dict[str, tuple[ApiKey, str]]:
        with self._lock:
            asked_at = self._clock()
            if asked_at - self._read_at > seconds:
                try:
                    loaded = self._store.load()
                except sa.exc.SQLAlchemyError as error:
                    raise KeysUnavailable("the database with the keys does not answer") from error
                self._known = {key.id: (key, digest) for key, digest in loaded}
                self._read_at = asked_at
            return self._known
