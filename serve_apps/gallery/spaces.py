"""Which enrolled faces have embeddings in which space, and embeddings that come after the enrolment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import postgresql, sqlite

from serve_apps.database import reading
from serve_apps.gallery.person import EnrolledFace
from serve_apps.gallery.store import FACE, note_changes
from serve_apps.tables import embeddings, gallery_faces

T = TypeVar("T")

PERSONS_ASKED = 10_000
"""By one statement."""


def missing(database: Engine, space: str, person_ids: set[str] | None = None) -> list[EnrolledFace]:
    """These persons' faces, or everybody's, without an embedding in this space; person by person."""
    has = sa.exists().where(embeddings.c.face_id == gallery_faces.c.id, embeddings.c.space == space)
    query = FACE.where(~has).order_by(gallery_faces.c.person_id, gallery_faces.c.id)
    with reading(database) as connection:
        if person_ids is None:
            return [EnrolledFace(*row) for row in connection.execute(query)]
        return [
            EnrolledFace(*row)
            for ids in parts(sorted(person_ids), PERSONS_ASKED)
            for row in connection.execute(query.where(gallery_faces.c.person_id.in_(ids)))
        ]


def recognizable(database: Engine, space: str, person_ids: set[str]) -> set[str]:
    """Those of these persons who have an embedding in the space."""
    query = sa.select(gallery_faces.c.person_id).join(embeddings).where(embeddings.c.space == space)
    with reading(database) as connection:
        return {
            person_id
            for ids in parts(sorted(person_ids), PERSONS_ASKED)
            for person_id in connection.scalars(query.where(gallery_faces.c.person_id.in_(ids)))
        }


def add_embeddings(database: Engine, space: str, sealed: Sequence[tuple[EnrolledFace, bytes]]) -> tuple[int, set[str]]:
    """How many are new, and the faces that are gone. What another process has written meanwhile stays.

    Those who follow the gallery are told, as an index of the space may be in use that could not embed a face itself.
    """
    with database.begin() as connection:
        there = _held(connection, [face.id for face, _ in sealed])
        new = [
            face.person_id
            for face, content in sorted(sealed, key=lambda each: each[0].id)  # or two at once could wait for each other
            if face.id in there and _inserted(connection, face.id, space, content)
        ]
        note_changes(connection, sorted(set(new)))
    return len(new), {face.id for face, _ in sealed} - there


def parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """So many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _held(connection: Connection, face_ids: list[str]) -> set[str]:
    """Those of these faces that exist, which nobody removes until the transaction ends.

    One that is just being removed is not waited for: who removes it may wait for another of these.
    """
    query = sa.select(gallery_faces.c.id).where(gallery_faces.c.id.in_(face_ids))
    return set(connection.scalars(query.with_for_update(read=True, key_share=True, skip_locked=True)))


def _inserted(connection: Connection, face_id: str, space: str, sealed: bytes) -> bool:
    """Whether it was not there yet."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = insert(embeddings).values(face_id=face_id, space=space, sealed=sealed).on_conflict_do_nothing()
    return connection.scalar(row.returning(embeddings.c.face_id)) is not None
