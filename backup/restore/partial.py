"""A part of a snapshot into the present system: one person, or the config."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from backup.blobs import FILES
from backup.errors import CannotRestore
from backup.keyring import MASTER, PERSONS, Keys, erased, keys_apart, keys_of
from backup.manifest import Manifest
from backup.packing import blobs_in, unpack_rows
from backup.persons import CROPS
from backup.places import State
from backup.repository import Repository
from backup.restore import journal, swap
from backup.restore.blobs import NewFolder, Present, load_blobs
from backup.restore.journal import Journal
from backup.restore.undo import begin, finish, holding
from backup.targets.target import Target

RELEASES = "releases"


@dataclass(frozen=True, slots=True)
class PutBack:
    """What came from a snapshot: rows by table, and blobs or files by name."""

    snapshot: str
    taken_at: datetime
    rows: Mapping[str, int]
    blobs: tuple[str, ...]


def restore_person(
    state: State,
    repository: Repository,
    apart: Target,
    name: str,
    snapshot: str | None = None,
    at: datetime | None = None,
) -> PutBack:
    """Somebody's faces as they were, while the cluster runs; those enrolled since stay.

    Raises CannotRestore, also for somebody who was erased.
    """
    manifest = repository.manifest(snapshot) if snapshot else repository.latest(at)
    with repository.reading(manifest.id):
        person = next((row for row in _rows(repository, manifest, "people") if row["name"] == name), None)
        if person is None:
            raise CannotRestore(f"snapshot {manifest.id} has nobody called '{name}'")
        _give_key(state, partial(keys_apart, repository, apart), str(person["id"]), name)
        faces = [row for row in _rows(repository, manifest, "gallery_faces") if row["person_id"] == person["id"]]
        ids = {row["id"] for row in faces}
        sealed = [row for row in _rows(repository, manifest, "embeddings") if row["face_id"] in ids]
        crops = _crops(state, repository, manifest, {f"{person['id']}/{face}" for face in ids})
        rows = {"people": [person], "gallery_faces": faces, "embeddings": sealed}
        try:
            counts = _insert(state, rows, str(person["id"]))
        except IntegrityError as error:
            raise CannotRestore(
                f"somebody else is called '{name}' now, or has that photograph: {error.orig}"
            ) from error
    return PutBack(manifest.id, manifest.taken_at, counts, tuple(sorted(crops)))


def restore_config(
    state: State, repository: Repository, snapshot: str | None = None, at: datetime | None = None
) -> PutBack:
    """The small files as they were, which `undo` takes back, and releases that are missing. Raises CannotRestore."""
    manifest = repository.manifest(snapshot) if snapshot else repository.latest(at)
    with holding(state), repository.reading(manifest.id):
        releases = _missing_releases(state, repository, manifest)
        begin(state, manifest.id)
        names = _new_files(state, repository, manifest)
        moves = swap.moves_of(state.folder, [state.files[name] for name in names], [])
        swap.sync_all()
        journal.write(state.folder, Journal("swapping", manifest.id, moves))
        finish(state)
    return PutBack(manifest.id, manifest.taken_at, {}, (*names, *releases))


def _new_files(state: State, repository: Repository, manifest: Manifest) -> list[str]:
    collection, names = manifest.collection(FILES), []
    for each in repository.ranges(collection) if collection is not None else ():
        for entry, parts in blobs_in(iter(repository.get_many(each.chunks))):
            content = b"".join(parts)
            if entry.name in state.files:
                path = swap.waiting(state.folder, state.files[entry.name])
                NewFolder(path.parent).put(path.name, iter([content]))
                names.append(entry.name)
    return names


def _missing_releases(state: State, repository: Repository, manifest: Manifest) -> set[str]:
    place = next((each for each in state.blobs if each.name == RELEASES), None)
    collection = manifest.collection(RELEASES)
    if place is None or collection is None:
        return set()
    there = {stored.name for stored in place.target.list()}
    into = Present(place.target)
    return load_blobs(collection, repository, into, lambda name: name not in there, lambda _: None)


def _rows(repository: Repository, manifest: Manifest, table: str) -> Iterator[dict[str, Any]]:
    collection = manifest.collection(table)
    if collection is None:
        return
    for each in repository.ranges(collection):
        for chunk in repository.get_many(each.chunks):
            yield from (dict(zip(collection.columns, row, strict=True)) for row in unpack_rows(chunk))


def _give_key(state: State, apart: Callable[[], Keys], person: str, name: str) -> None:
    """The person's key, where the present keyring lacks it. Raises CannotRestore for somebody who was erased."""
    present = keys_of(state.keyring, state.secrets)
    if person in present.persons:
        return
    kept = apart()
    with state.database.connect().execution_options(reading=True) as connection:
        gone = person not in kept.persons or bool(erased(connection, [person]))
    if gone:
        raise CannotRestore(f"'{name}' was erased: the key is gone, and nothing sealed with it can be read any more")
    if present.secrets.get(MASTER) != kept.secrets.get(MASTER):
        raise CannotRestore(f"the key of '{name}' is wrapped by another master key; restore the whole snapshot")
    table = kept.tables[PERSONS]
    row = next(row for row in table.rows if row[table.columns.index("person_id")] == person)
    with state.keyring.begin() as connection:
        into = sa.table(PERSONS, *map(sa.column, table.columns))
        connection.execute(into.insert().values(dict(zip(table.columns, row, strict=True))))


def _crops(state: State, repository: Repository, manifest: Manifest, wanted: set[str]) -> set[str]:
    place, collection = next((each for each in state.blobs if each.name == CROPS), None), manifest.collection(CROPS)
    if place is None or collection is None:
        return set()
    return load_blobs(collection, repository, Present(place.target), wanted.__contains__, lambda _: None)


def _insert(state: State, rows: Mapping[str, list[dict[str, Any]]], person: str) -> dict[str, int]:
    """Those that are missing, in one transaction, of which every recognizer is told."""
    with state.database.begin() as connection:
        if connection.dialect.name == "postgresql":  # who follows the changes must not miss one that commits late
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('gallery'))")
        added = {table: _missing(connection, table, values) for table, values in rows.items()}
        if any(added.values()):
            connection.execute(sa.text("INSERT INTO gallery_changes (person_id) VALUES (:person)"), {"person": person})
        return added


def _missing(connection: Connection, table: str, rows: list[dict[str, Any]]) -> int:
    added = 0
    for row in rows:
        named = {"people": ("id",), "gallery_faces": ("id",), "embeddings": ("face_id", "space")}[table]
        where = " AND ".join(f"{column} = :{column}" for column in named)
        if connection.scalar(sa.text(f"SELECT count(*) FROM {table} WHERE {where}"), row):  # noqa: S608
            continue
        values = ", ".join(_bound(connection, column) for column in row)
        statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"  # noqa: S608 names of our own tables
        connection.execute(sa.text(statement), row)
        added += 1
    return added


def _bound(connection: Connection, column: str) -> str:
    moment = connection.dialect.name == "postgresql" and column.endswith("_at")
    return f"CAST(:{column} AS timestamp)" if moment else f":{column}"
