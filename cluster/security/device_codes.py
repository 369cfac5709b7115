"""One-time codes: a person types one at a new device, which gets an API key of its own for it.

A code has 80 random bits in Crockford's base32, so that no letter is taken for a digit; only its hash is kept.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Column, Engine, Table

from cluster.security import api_keys, audit
from cluster.security.api_keys import Scope, id_of, metadata
from cluster.security.audit import Act
from cluster.security.devices import USUAL_SECONDS, devices

codes = Table(
    "device_codes",
    metadata,
    Column("sha256", sa.String(64), primary_key=True),
    Column("name", sa.String(100), nullable=False),
    Column("expires_at", sa.Float, nullable=False),
    Column("used_at", sa.Float),
)

SYMBOLS = 16
GROUP = 4
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_FORM = re.compile(f"[{_ALPHABET}]{{{SYMBOLS}}}")


class CodeNotValid(Exception):
    """A code that nobody was given, that was used, or whose time is over: which of them is not told."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A new device with its key, which can be read this one time."""

    id: str
    name: str
    key: str = field(repr=False)


class DeviceCodes:
    """The codes in the database; safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def issue(self, name: str, now: datetime, expires_at: datetime) -> str:
        """A new code for a device of that name; codes past their end are forgotten."""
        symbols = "".join(secrets.choice(_ALPHABET) for _ in range(SYMBOLS))
        row = {"sha256": _hash(symbols), "name": name, "expires_at": expires_at.timestamp()}
        with self._engine.begin() as connection:
            connection.execute(codes.delete().where(codes.c.expires_at <= now.timestamp()))
            connection.execute(codes.insert().values(row))
            ends = {"ends": expires_at.isoformat(timespec="seconds")}
            audit.append(connection, audit.operator(), now, [Act("code.issued", _named(symbols), ends)])
        return "-".join(symbols[start : start + GROUP] for start in range(0, SYMBOLS, GROUP))

    def redeem(self, code: str, now: datetime) -> Enrolled:
        """Make a device and its key, in one transaction with the end of the code. Raises CodeNotValid."""
        symbols = code.upper().translate(_READ_AS)
        if not _FORM.fullmatch(symbols):
            raise CodeNotValid("this code is not valid")
        # An update of a row that another transaction has just used finds nothing, on both engines.
        used = codes.update().where(
            codes.c.sha256 == _hash(symbols), codes.c.used_at.is_(None), codes.c.expires_at > now.timestamp()
        )
        with self._engine.begin() as connection:
            name = connection.scalar(used.values(used_at=now.timestamp()).returning(codes.c.name))
            if name is None:
                raise CodeNotValid("this code is not valid")
            key = api_keys.insert(connection, name, frozenset({Scope.FRAMES}), now)
            connection.execute(devices.insert().values(id=id_of(key), every_seconds=USUAL_SECONDS))
            audit.append(connection, f"code {_named(symbols)}", now, [Act("device.enrolled", id_of(key))])
        return Enrolled(id_of(key), name, key)


def _hash(symbols: str) -> str:
    return hashlib.sha256(symbols.encode()).hexdigest()


def _named(symbols: str) -> str:
    """What the audit trail calls a code: enough of its hash to tell who issued the one that was used."""
    return _hash(symbols)[:12]
