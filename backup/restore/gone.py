"""Who was erased after a restore is taken out of the state before it too: no way back brings anybody back."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from backup.errors import CannotRestore
from backup.keyring import FILES, PERSONS, erased
from backup.persons import CROPS
from backup.places import State
from backup.restore import schemas
from backup.restore.databases import engine_of, in_schema, keys_in
from backup.restore.journal import Journal


def erase_from_before(state: State, found: Journal | None) -> frozenset[str]:
    """The persons whom the present system has erased and the state before had not.

    Either database of the state before may be what was lost. Raises CannotRestore when its keyring cannot be read.
    """
    with _before(state, found, "keyring") as keyring, _before(state, found, "database") as database:
        try:
            gone = _gone(state, keyring, PERSONS, "person_id")
            if gone and keyring is not None:
                _destroy(keyring, gone)
        except DatabaseError as error:
            raise CannotRestore(
                f"the keyring of the state before the restore cannot be read ({error.__cause__}): let go of that state "
                "with 'doorbell backup undo --forget'"
            ) from error
        with suppress(DatabaseError):  # a damaged one is what was restored; nothing in it opens without a key
            gone |= _gone(state, database, "people", "id")
            if gone and database is not None:
                _erase(database, "people", "id", gone)
                _note(database, gone)
    for folder in _crops_before(state, found):
        for person in gone:
            shutil.rmtree(folder / person, ignore_errors=True)
    return gone


def _gone(state: State, before: Engine | None, table: str, column: str) -> frozenset[str]:
    """Persons in this table of the state before whom the present system has erased."""
    if before is None:
        return frozenset()
    held = keys_in(before, {table: column}).get(table, frozenset())
    now = keys_in(state.keyring, {PERSONS: "person_id"}).get(PERSONS, frozenset())
    with state.database.connect().execution_options(reading=True) as connection:
        return erased(connection, held - now)


def _destroy(keyring: Engine, persons: Iterable[str]) -> None:
    """Files of many persons end with any of them."""
    _erase(keyring, PERSONS, "person_id", persons)
    with keyring.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM {FILES}")  # noqa: S608


@contextmanager
def _before(state: State, found: Journal | None, kind: str) -> Iterator[Engine | None]:
    """The database of the state before; None where there was none."""
    live, url = engine_of(state, kind), None
    if live.dialect.name == "sqlite":
        file = _kept(found).get(str(live.url.database))
        url = f"sqlite:///{file}" if file is not None and file.exists() else None
    elif schemas.has_before(live, kind):  # which another machine's journal may name
        url = in_schema(live, schemas.before(kind))
    engine = state.doors.connect(url) if url is not None else None
    try:
        yield engine
    finally:
        if engine is not None:
            engine.dispose()


def _erase(engine: Engine, table: str, column: str, persons: Iterable[str]) -> None:
    """What hangs on a person goes along."""
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")  # nobody writes over what is freed in it
        for person in persons:
            connection.execute(sa.text(f"DELETE FROM {table} WHERE {column} = :person"), {"person": person})  # noqa: S608


def _note(engine: Engine, persons: Iterable[str]) -> None:
    with engine.begin() as connection:
        for person in sorted(persons):
            connection.execute(sa.text("INSERT INTO gallery_changes (person_id) VALUES (:person)"), {"person": person})


def _kept(found: Journal | None) -> dict[str, Path]:
    return {move.live: Path(move.before) for move in found.moves} if found is not None else {}


def _crops_before(state: State, found: Journal | None) -> Iterator[Path]:
    moves = _kept(found)
    for place in state.blobs:
        if place.name == CROPS and str(place.folder) in moves:
            yield moves[str(place.folder)]
