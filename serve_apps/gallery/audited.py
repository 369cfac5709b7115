"""Who changes the gallery, for the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection

from cluster.security.audit import Act, append

Actor: TypeAlias = Callable[[Connection, Sequence[Act]], None]
"""Writes what was done into the transaction that does it, as its last part."""


def nobody(_: Connection, __: Sequence[Act]) -> None:
    """A measurement, or a gallery that is only read."""


def actor(name: str, now: datetime) -> Actor:
    """Somebody, such as `key 0123456789ab`."""

    def did(connection: Connection, acts: Sequence[Act]) -> None:
        append(connection, name, now, acts)

    return did
