"""Reading embeddings from the database in bulk: one statement for thousands of faces, one for their persons' keys."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import Connection

from cluster.security.keyring import Keyring, KeyringError
from serve_apps.faces import Standing
from serve_apps.gallery.person import Member
from serve_apps.tables import embeddings, gallery_faces, people

log = logging.getLogger(__name__)
BATCH = 10_000
"""Persons or faces at a time."""

_MEMBER = (
    sa.select(people.c.id, people.c.standing, gallery_faces.c.id, embeddings.c.sealed)
    .join_from(people, gallery_faces)
    .join(embeddings)
)


def count_embeddings(connection: Connection, space: str) -> int:
    """How many there are."""
    return connection.scalar(sa.select(sa.func.count()).where(embeddings.c.space == space)) or 0


def read_members(connection: Connection, keyring: Keyring, space: str, ids: Iterable[str]) -> list[Member]:
    """Those of these persons who have embeddings."""
    found: list[Member] = []
    for batch in _batches(sorted(ids)):
        query = _MEMBER.where(people.c.id.in_(batch), embeddings.c.space == space).order_by(people.c.id)
        found += _opened(connection.execute(query).all(), keyring, space)
    return found


def all_members(connection: Connection, keyring: Keyring, space: str) -> Iterator[list[Member]]:
    """Everybody who has embeddings, in the order of their ids, a part at a time."""
    ids = sa.select(people.c.id).order_by(people.c.id).limit(BATCH)
    last = ""
    while batch := list(connection.scalars(ids.where(people.c.id > last))):
        yield read_members(connection, keyring, space, batch)
        last = batch[-1]


def _opened(rows: Sequence[sa.Row[Any, Any, Any, Any]], keyring: Keyring, space: str) -> list[Member]:
    """The members of rows that come person by person."""
    opened = keyring.open_many([(person, f"embedding {face} {space}", sealed) for person, _, face, sealed in rows])
    found = []
    for (person_id, standing), group in groupby(zip(rows, opened, strict=True), lambda pair: pair[0][:2]):
        vectors = []
        for row, plain in group:
            if isinstance(plain, KeyringError):
                log.error("gallery.embedding_unreadable face=%s: %s", row[2], plain)
            else:
                vectors.append(plain)
        if vectors:
            matrix = np.frombuffer(b"".join(vectors), np.float32).reshape(len(vectors), -1)
            found.append(Member(person_id, Standing(standing), matrix))
    return found


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
