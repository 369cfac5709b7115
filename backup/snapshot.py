"""A snapshot of a running cluster: a consistent view of the database, then the keyring, then blobs, then the manifest.

In this order because rows are written after what they name and removed before it: whatever a row of the view names was
there when the view was opened, and a person of the view who has no key in the later keyring was erased.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backup.blobs import FILES, collection_of, take_blobs, take_files
from backup.changes import View, view
from backup.errors import Busy, CannotRestore, Damaged, NoSuchObject, NoSuchSnapshot, NothingThere
from backup.failpoints import reached
from backup.keyring import Keys, copy_keys, in_turn, keys_of
from backup.manifest import Collection, Manifest, Range
from backup.packing import pack_rows
from backup.persons import CROPS, owed_crops, refuse_lost, without_crop
from backup.places import BlobPlace, Progress, State
from backup.ranges import in_order, in_pages, in_ranges, renewed
from backup.repository import Repository
from backup.restore import journal
from backup.restore.left import erase_left
from backup.rows import all_rows, last_numbers, rows_in
from backup.standing_back import Behind, at_once
from backup.tables import Table, tables_of
from backup.targets.target import Target
from backup.writing import Writing

log = logging.getLogger(__name__)

SEQUENCES = "sequences"
SEQUENCE_COLUMNS = ("table", "column", "number")
TRIES = 5


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot with what it took: `bytes_uploaded` and `objects` without the manifest."""

    manifest: Manifest
    bytes_uploaded: int
    objects: int
    seconds: float


class _Moved(Exception):
    """A face was removed while its crop was read: the view is too old by now."""


def snapshot(
    state: State,
    repository: Repository,
    apart: Target,
    now: Callable[[], datetime],
    progress: Progress = lambda done, total: None,
    whole: bool = False,
    behind: Behind = at_once,
) -> Taken:
    """Take one; `apart` is where the keyring is kept, `whole` reads also what has not changed.

    `behind` does what takes long. Whatever others wait for, as a writer's turn at the database, is done by the caller.
    Raises NothingThere, Busy when another is being taken or a restore was killed, CannotRestore when nobody can tell,
    Damaged when a face has lost its crop, and what the targets raise.
    """
    if not state.folder.is_dir():
        raise _nothing(state)
    if journal.is_between(state.folder):
        raise Busy(f"a restore was killed in {state.folder}; 'doorbell up' ends it")
    began = time.monotonic()
    with state.doors.alone(state.database, "snapshot") as alone, _nobody_left(state):
        if not alone:
            raise Busy("another snapshot of this system is being taken; wait until it has ended")
        for _ in range(TRIES):
            base = None if whole else _base(repository)
            try:
                manifest, writing = _taken(_Snapshot(state, repository, apart, base, progress, behind), now())
            except _Moved:
                continue
            except (Damaged, NoSuchObject):
                if base is None:
                    raise
                whole = True  # what the base lists cannot be read; a new snapshot does not depend on it
                continue
            return Taken(manifest, writing.uploaded, writing.objects, time.monotonic() - began)
    raise Busy(f"faces were removed during each of {TRIES} tries; take the snapshot again")


def _nothing(state: State) -> NothingThere:
    said = "set DOORBELL_DATA to the folder of a cluster, or start one there: doorbell up"
    return NothingThere(f"{state.folder} has no database with tables: {said}")


@contextmanager
def _nobody_left(state: State) -> Iterator[None]:
    """Whoever was erased, also by HTTP, is erased from what a restore left, whether the place answers or not."""
    try:
        yield
    finally:
        try:
            erase_left(state)
        except (Busy, CannotRestore) as error:
            log.warning("backup.left %s", error)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What one try is made of."""

    state: State
    repository: Repository
    apart: Target
    base: Manifest | None
    progress: Progress
    behind: Behind


def _base(repository: Repository) -> Manifest | None:
    try:
        return repository.latest()
    except (NoSuchSnapshot, Damaged):
        return None


def _taken(try_: _Snapshot, at: datetime) -> tuple[Manifest, Writing]:
    state, repository, base = try_.state, try_.repository, try_.base
    with repository.writing() as writing:
        with view(state.database) as seen:
            changed = _changed(seen, base)
            tables = tables_of(seen.connection)
            if not tables:  # a snapshot of nothing would be the newest one, and looks like a good one
                raise _nothing(state)
            with in_turn(state, try_.apart):
                keys = keys_of(state.keyring, state.secrets)
                copy_keys(keys, seen.connection, repository, try_.apart)
            rows, owed = try_.behind(lambda: _rows(try_, seen, changed, tables, writing))
        blobs = try_.behind(lambda: list(_blobs(try_, changed, tables, writing, keys, owed)))
        collections = (*rows, *blobs)
        reached("snapshot.before_commit")
    told = base.id if base is not None and changed is not None else None
    manifest = Manifest(repository.new_id(at), repository.id, at, seen.source, collections, told, state.program)
    repository.commit(manifest, writing)
    return manifest, writing


def _rows(
    try_: _Snapshot, seen: View, changed: dict[str, set[str]] | None, tables: dict[str, Table], writing: Writing
) -> tuple[list[Collection], set[str]]:
    """Tables as collections, and the crops that they name where these are to be looked for."""
    rows = list(_Rows(seen, try_.base, changed, try_.repository, writing, try_.progress).collections(tables))
    return rows, owed_crops(seen.connection, tables) if changed is None or "gallery_faces" in changed else set()


def _changed(seen: View, base: Manifest | None) -> dict[str, set[str]] | None:
    """None: everything is to be read. After a migration ranges may be cut in another way."""
    if base is None or base.source.revision != seen.source.revision:
        return None
    return seen.changed_since(base.source)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Tables as collections."""

    seen: View
    base: Manifest | None
    changed: dict[str, set[str]] | None
    repository: Repository
    writing: Writing
    progress: Progress

    def collections(self, tables: dict[str, Table]) -> Iterator[Collection]:
        done, total = 0, sum(each.size for each in self.base.collections) if self.base else 0
        for table in tables.values():
            collection = self._collection(table)
            yield collection
            done += collection.size
            self.progress(done, max(done, total))
        numbers = last_numbers(self.seen.connection, tables.values())
        yield self._written(SEQUENCES, SEQUENCE_COLUMNS, [self._range("", numbers)] if numbers else [])

    def _collection(self, table: Table) -> Collection:
        old = self.base.collection(table.name) if self.base is not None else None
        if self.changed is None or not table.tracked or old is None or old.columns != table.names:
            return self._written(table.name, table.names, self._fresh(table, all_rows(self.seen.connection, table)))
        changed = self.changed.get(table.name, set())
        if not changed and self.writing.has(old.pages):
            return old
        before = list(self.repository.ranges(old))
        changed = changed | {each.key for each in before if not self.writing.has(each.chunks)}
        fresh = self._fresh(table, rows_in(self.seen.connection, table, changed))
        return self._written(table.name, table.names, renewed(before, changed, {each.key: each for each in fresh}))

    def _fresh(self, table: Table, rows: Iterable[Sequence[Any]]) -> Iterator[Range]:
        return (self._range(key, those) for key, those in in_ranges(table, rows))

    def _range(self, key: str, rows: Sequence[Sequence[Any]]) -> Range:
        chunks = list(pack_rows(rows))
        return Range(key, len(rows), sum(map(len, chunks)), tuple(map(self.writing.put, chunks)))

    def _written(self, name: str, columns: tuple[str, ...], ranges: Iterable[Range]) -> Collection:
        ordered = in_order(ranges)
        pages = tuple(self.repository.put_page(self.writing, page) for page in in_pages(ordered))
        count, size = sum(each.count for each in ordered), sum(each.size for each in ordered)
        return Collection(name, "rows", columns, count, size, pages)


def _blobs(
    try_: _Snapshot,
    changed: dict[str, set[str]] | None,
    tables: dict[str, Table],
    writing: Writing,
    keys: Keys,
    owed: set[str],
) -> Iterator[Collection]:
    for place in try_.state.blobs:
        old = try_.base.collection(place.name) if try_.base is not None else None
        still = changed is not None and place.follows in tables and place.follows not in changed
        if old is not None and still and tables[str(place.follows)].tracked and writing.has(old.pages):
            yield old
            continue
        before = {each.key: each for each in try_.repository.ranges(old)} if old is not None else {}
        taken = take_blobs(place, before, writing)
        if place.name == CROPS:
            _refuse_lost(try_.state, place, list(without_crop(owed, taken.names, keys.persons)))
        yield collection_of(place.name, taken.ranges, try_.repository, writing)
    yield collection_of(FILES, take_files(try_.state.files, writing), try_.repository, writing)


def _refuse_lost(state: State, place: BlobPlace, lost: list[str]) -> None:
    """Raises Damaged for crops that are gone, and _Moved when their faces were removed meanwhile.

    A person's key goes before the crops do: who has none by now was erased meanwhile.
    """
    if not lost:
        return
    persons = keys_of(state.keyring, {}).persons
    with state.database.connect().execution_options(reading=True) as connection:
        present = owed_crops(connection, tables_of(connection))
    refuse_lost([name for name in lost if name in present and name.partition("/")[0] in persons], place)
    if any(name.partition("/")[0] in persons for name in lost):
        raise _Moved
