"""The gallery on disk: persons, their faces, and a log of changes that every recognizer follows."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from cluster.security.audit import Act
from cluster.security.keyring import Keyring, KeyringError
from serve_apps.database import in_commit_order, reading
from serve_apps.faces import Standing
from serve_apps.gallery.audited import Actor, nobody
from serve_apps.gallery.crops import Crops
from serve_apps.gallery.members import all_members, count_embeddings, read_members
from serve_apps.gallery.person import EnrolledFace, Member, NewFace, Person
from serve_apps.tables import embeddings, gallery_changes, gallery_faces, people


class GalleryError(Exception):
    """What cannot be done to the gallery."""


class NobodyOfThatName(GalleryError):
    """No person has this name."""


class NameTaken(GalleryError):
    """Another person has this name."""


class NoSuchFace(GalleryError):
    """No enrolled face has this id."""


class PhotoAlreadyEnrolled(GalleryError):
    """This person has this very photograph already."""


class NotEmbedded(GalleryError):
    """Too much of the gallery has no embedding in a space."""


class BeingEmbedded(GalleryError):
    """Somebody else embeds the gallery."""


class Gallery:
    """Safe to share between threads and processes. What is changed `by` somebody is in the audit trail."""

    def __init__(self, engine: Engine, keyring: Keyring, crops: Crops, by: Actor = nobody) -> None:
        self.database = engine
        self.keyring = keyring
        self.crops = crops
        self._audit = by

    def by(self, actor: Actor) -> Gallery:
        """The same gallery in somebody's hands."""
        return Gallery(self.database, self.keyring, self.crops, actor)

    def people(self) -> list[Person]:
        """Everybody, by name."""
        with reading(self.database) as connection:
            return [Person(*row) for row in connection.execute(_PERSON.order_by(people.c.name))]

    def person(self, name: str) -> Person:
        """Raises NobodyOfThatName."""
        with reading(self.database) as connection:
            return _person(connection, name)

    def add_person(self, name: str, standing: Standing, now: datetime) -> Person:
        """Somebody new, without a face yet. Raises NameTaken."""
        person = Person(str(uuid.uuid4()), name, standing, now)
        try:
            with self.database.begin() as connection:
                connection.execute(people.insert().values(id=person.id, name=name, standing=standing, created_at=now))
                self.keyring.create(person.id)
                note_changes(connection, [person.id])
                self._audit(connection, [Act("person.added", person.id, {"standing": standing})])
        except IntegrityError:
            raise NameTaken(name) from None
        return person

    def change_person(self, name: str, new_name: str | None, standing: Standing | None) -> Person:
        """Rename, or change the standing, or both. Raises NobodyOfThatName, NameTaken."""
        values = {key: value for key, value in (("name", new_name), ("standing", standing)) if value is not None}
        try:
            with self.database.begin() as connection:
                person = _person(connection, name)
                if values:
                    note_changes(connection, [person.id])
                    self._audit(connection, [_changed(connection, person, values)])
                return _person(connection, new_name or name)
        except IntegrityError:
            raise NameTaken(new_name) from None

    def remove_people(self, persons: Iterable[Person]) -> None:
        """Erase: the keys go first, so that nothing of these persons can be read whatever happens afterwards."""
        ids = [person.id for person in persons]
        self.keyring.destroy(ids)
        with self.database.begin() as connection:
            connection.execute(people.delete().where(people.c.id.in_(ids)))
            note_changes(connection, ids)
            self._audit(connection, [Act("person.erased", person_id) for person_id in ids])
        for person_id in ids:
            self.crops.remove(person_id)

    def add_face(self, person: Person, face: NewFace, now: datetime, standing: Standing | None = None) -> str:
        """The new face's id; `standing` comes with it. Raises PhotoAlreadyEnrolled, NobodyOfThatName."""
        face_id = str(uuid.uuid4())
        try:
            sealed = self.keyring.seal(person.id, f"embedding {face_id} {face.space}", face.embedding.tobytes())
            self.crops.put(person.id, face_id, self.keyring.seal(person.id, f"crop {face_id}", face.crop))
            with self.database.begin() as connection:
                _must_be_enrolled(connection, person)
                row = {"id": face_id, "person_id": person.id, "created_at": now}
                row |= {"photo_sha256": face.photo_sha256, "quality": face.quality}
                connection.execute(gallery_faces.insert().values(row))
                connection.execute(embeddings.insert().values(face_id=face_id, space=face.space, sealed=sealed))
                note_changes(connection, [person.id])
                acts = _given(connection, person, standing)
                self._audit(connection, [Act("face.added", person.id, {"face": face_id}), *acts])
        except (IntegrityError, KeyringError, NobodyOfThatName) as error:
            self.crops.remove(person.id, face_id)
            if isinstance(error, IntegrityError):
                raise PhotoAlreadyEnrolled(person.name) from None
            raise NobodyOfThatName(person.name) from None
        return face_id

    def faces(self, name: str | None = None) -> list[EnrolledFace]:
        """Every enrolled face, or one person's, the oldest first."""
        query = FACE if name is None else FACE.where(people.c.name == name)
        with reading(self.database) as connection:
            return [EnrolledFace(*row) for row in connection.execute(query.order_by(gallery_faces.c.created_at))]

    def face(self, face_id: str) -> EnrolledFace:
        """Raises NoSuchFace."""
        with reading(self.database) as connection:
            row = connection.execute(FACE.where(gallery_faces.c.id == face_id)).first()
        if row is None:
            raise NoSuchFace(face_id)
        return EnrolledFace(*row)

    def crop(self, face: EnrolledFace) -> bytes:
        """The enrolled face's JPEG. Raises CropsUnavailable, KeyringError."""
        return self.keyring.open(face.person_id, f"crop {face.id}", self.crops.get(face.person_id, face.id))

    def remove_faces(self, faces: Iterable[EnrolledFace]) -> None:
        """Forget these photographs; their persons stay."""
        chosen = list(faces)
        with self.database.begin() as connection:
            connection.execute(gallery_faces.delete().where(gallery_faces.c.id.in_([face.id for face in chosen])))
            note_changes(connection, {face.person_id for face in chosen})
            self._audit(connection, [Act("face.removed", face.person_id, {"face": face.id}) for face in chosen])
        for face in chosen:
            self.crops.remove(face.person_id, face.id)

    def version(self) -> int:
        """The number of the newest change; grows with every commit that changes the gallery."""
        with reading(self.database) as connection:
            return version_of(connection)

    def members(
        self, space: str, since: int, complete: Callable[[set[str]], None] | None = None
    ) -> tuple[int, set[str], list[Member]]:
        """The gallery's version, the ids changed `since`, and those of them that exist with embeddings.

        What `complete` does for the changed persons is seen. Whatever others change meanwhile may be seen too, but is
        not counted in the version: who asks since that version is told of it, after `complete`.
        """
        with reading(self.database) as connection:
            version = version_of(connection)
            changes = sa.select(gallery_changes.c.person_id).where(gallery_changes.c.seq > since)
            changed = set(connection.scalars(changes))
            if complete is None:
                return version, changed, read_members(connection, self.keyring, space, changed)
        complete(changed)
        with reading(self.database) as connection:
            return version, changed, read_members(connection, self.keyring, space, changed)

    @contextmanager
    def everybody(self, space: str) -> Iterator[tuple[int, int, Iterator[list[Member]]]]:
        """The gallery's version, the number of embeddings, and everybody who has one, a part at a time."""
        with reading(self.database) as connection:
            yield (
                version_of(connection),
                count_embeddings(connection, space),
                all_members(connection, self.keyring, space),
            )

    def history(self, version: int) -> str:
        """A digest of the last changes up to `version`, which tells it from that of another gallery."""
        log = sa.select(gallery_changes.c.seq, gallery_changes.c.person_id).where(gallery_changes.c.seq <= version)
        with reading(self.database) as connection:
            last = connection.execute(log.order_by(gallery_changes.c.seq.desc()).limit(100)).all()
        return hashlib.sha256(repr([tuple(row) for row in last]).encode()).hexdigest()


_PERSON = sa.select(people.c.id, people.c.name, people.c.standing, people.c.created_at)
_PEOPLE_BY_ID = _PERSON.where(people.c.id.in_(sa.bindparam("ids", expanding=True)))
FACE = sa.select(
    gallery_faces.c.id, people.c.id, people.c.name, gallery_faces.c.quality, gallery_faces.c.created_at
).join_from(gallery_faces, people)


def version_of(connection: Connection) -> int:
    """The number of the newest change that this connection sees."""
    return connection.scalar(sa.select(sa.func.max(gallery_changes.c.seq))) or 0


def people_by_id(connection: Connection, ids: set[str]) -> dict[str, Person]:
    """Those of these persons that exist, as this transaction sees them."""
    if not ids:
        return {}
    return {row.id: Person(*row) for row in connection.execute(_PEOPLE_BY_ID, {"ids": list(ids)})}


def _person(connection: Connection, name: str) -> Person:
    row = connection.execute(_PERSON.where(people.c.name == name)).first()
    if row is None:
        raise NobodyOfThatName(name)
    return Person(*row)


def _changed(connection: Connection, person: Person, values: dict[str, str]) -> Act:
    connection.execute(people.update().where(people.c.id == person.id).values(values))
    return Act("person.changed", person.id, {"renamed": "name" in values, "standing": values.get("standing")})


def _given(connection: Connection, person: Person, standing: Standing | None) -> list[Act]:
    return [] if standing in (None, person.standing) else [_changed(connection, person, {"standing": str(standing)})]


def _must_be_enrolled(connection: Connection, person: Person) -> None:
    if person.id not in people_by_id(connection, {person.id}):
        raise NobodyOfThatName(person.name)


def note_changes(connection: Connection, ids: Iterable[str]) -> None:
    """Tell whoever follows the gallery; the last thing that a transaction does."""
    in_commit_order(connection, "gallery")
    rows = [{"person_id": person_id} for person_id in ids]
    if rows:
        connection.execute(gallery_changes.insert(), rows)
