"""The keyring and the other secrets, kept apart from the snapshots: one object, of which only the latest is kept.

Whoever is erased has no key in it from the next copy on, and every snapshot, however old, is then without that
person's face.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from backup.errors import AnotherRepository, Busy, Damaged, NoSuchObject
from backup.failpoints import reached
from backup.places import State
from backup.repository import Repository
from backup.rows import all_rows
from backup.tables import KEYRING_TABLES, named
from backup.targets.target import Target

PERSONS, FILES = KEYRING_TABLES
MASTER = "master.key"
TURN_SECONDS = 60.0
"""To wait for whoever copies to the same place, which may not answer."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the order of `columns`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def values(self, column: str) -> frozenset[str]:
        """Of one column."""
        place = self.columns.index(column)
        return frozenset(row[place] for row in self.rows)


@dataclass(frozen=True, slots=True)
class Keys:
    """All of a keyring: its tables by name, and the files of secrets by theirs."""

    tables: Mapping[str, Table]
    secrets: Mapping[str, bytes]

    @property
    def persons(self) -> frozenset[str]:
        """Who has a key."""
        return self.tables[PERSONS].values("person_id") if PERSONS in self.tables else frozenset()

    @property
    def files(self) -> frozenset[str]:
        """The ids of the keys of single files."""
        return self.tables[FILES].values("key_id") if FILES in self.tables else frozenset()

    def over(self, old: Keys, erased: frozenset[str]) -> Keys:
        """These, and persons of `old` who lost their key without being erased. Raises AnotherRepository."""
        if MASTER in old.secrets and self.secrets.get(MASTER, old.secrets[MASTER]) != old.secrets[MASTER]:
            raise AnotherRepository(
                "the keyring that is kept apart is another system's, its master key is another one: bring that system "
                "back with 'doorbell backup restore', or begin a new repository elsewhere"
            )
        lost = old.persons - self.persons - erased
        if not lost:
            return Keys(self.tables, {**old.secrets, **self.secrets})
        table = old.tables[PERSONS]
        place = table.columns.index("person_id")
        rows = [row for row in table.rows if row[place] in lost]
        kept = self.tables.get(PERSONS, Table(table.columns, ())).rows
        both = Table(table.columns, tuple(sorted([*kept, *rows])))
        return Keys({**self.tables, PERSONS: both}, {**old.secrets, **self.secrets})

    def without(self, persons: frozenset[str]) -> Keys:
        """Somebody erased takes all keys of files along, which may hold them too."""
        table = self.tables.get(PERSONS)
        if table is None or not persons & self.persons:
            return self
        place = table.columns.index("person_id")
        rows = tuple(row for row in table.rows if row[place] not in persons)
        files = {FILES: Table(self.tables[FILES].columns, ())} if FILES in self.tables else {}
        return Keys({**self.tables, PERSONS: Table(table.columns, rows), **files}, self.secrets)


def keys_of(engine: Engine, secrets: Mapping[str, Path]) -> Keys:
    """As they are now."""
    with engine.connect().execution_options(reading=True) as connection:
        tables = {name: _table(connection, name) for name in named(connection, KEYRING_TABLES)}
    return Keys(tables, {name: path.read_bytes() for name, path in sorted(secrets.items()) if path.is_file()})


@contextmanager
def in_turn(state: State, apart: Target) -> Iterator[None]:
    """For a look at the keyring and a copy of it: a look from before an erasure is never copied over a later one.

    Raises Busy.
    """
    turn = f"keyring-copy-{hashlib.sha256(apart.place.encode()).hexdigest()[:8]}"
    until = time.monotonic() + TURN_SECONDS
    while True:
        with state.doors.alone(state.database, turn) as mine:
            if mine:
                yield
                return
        if time.monotonic() >= until:
            raise Busy(f"another copy of the keyring to {apart.place} has not ended in {TURN_SECONDS:.0f} s; try again")
        time.sleep(0.1)


def copy_keys(keys: Keys, view: Connection, repository: Repository, apart: Target) -> bool:
    """Keep them over the older ones. False when these are the same, and nothing was put.

    A key that is missing is dropped from the copy only when `view` of the database says that its person was erased: a
    keyring that was lost must not take its copy along. Raises AnotherRepository for the keyring of another system.
    """
    name = object_name(repository)
    try:
        old = keys_apart(repository, apart)
    except (NoSuchObject, Damaged):  # none yet, or none that could be of use to anybody
        old = None
    new = keys if old is None else keys.over(old, erased(view, old.persons - keys.persons))
    if old == new:
        return False
    reached("keyring.before_put")
    apart.put(name, repository.sealed("keyring", name, _packed(new)))
    reached("keyring.after_put")
    return True


def erased(view: Connection, persons: Iterable[str]) -> frozenset[str]:
    """Those of these persons whom the database knew and does not know any more."""
    tables, asked = sa.inspect(view).get_table_names(), set(persons)
    if not asked or not {"gallery_changes", "people"} <= set(tables):
        return frozenset()
    query = "SELECT DISTINCT person_id FROM gallery_changes WHERE person_id NOT IN (SELECT id FROM people)"
    return frozenset(person for (person,) in view.exec_driver_sql(query) if person in asked)


def keys_apart(repository: Repository, apart: Target) -> Keys:
    """The latest that were kept. Raises NoSuchObject, Damaged."""
    name = object_name(repository)
    return _unpacked(repository.opened("keyring", name, apart.get(name)))


def object_name(repository: Repository) -> str:
    """Of the one object."""
    return f"keyring/{repository.id}"


def _table(connection: Connection, name: str) -> Table:
    shape = named(connection, [name])[name]
    return Table(shape.names, tuple(map(tuple, all_rows(connection, shape))))


def _packed(keys: Keys) -> bytes:
    tables = {name: [table.columns, table.rows] for name, table in keys.tables.items()}
    packed: bytes = msgpack.packb({"tables": tables, "secrets": dict(keys.secrets)})
    return packed


def _unpacked(data: bytes) -> Keys:
    try:
        content = msgpack.unpackb(data)
        tables = {
            name: Table(tuple(columns), tuple(map(tuple, rows))) for name, (columns, rows) in content["tables"].items()
        }
        return Keys(tables, content["secrets"])
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        raise Damaged(f"the keyring's copy cannot be read: {error}") from error
