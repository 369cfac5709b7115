"""A snapshot's rows into an empty database, at the revision they are of, which is then brought to the present."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from backup.errors import Damaged
from backup.failpoints import reached
from backup.manifest import Collection, Manifest
from backup.packing import unpack_rows
from backup.persons import CROPS, FRAMES, Erasure, load_order, owed_crops, owed_frames
from backup.places import State
from backup.repository import Repository
from backup.restore.databases import Beside, Load
from backup.snapshot import SEQUENCES
from backup.tables import tables_of

Told = Callable[[int], None]
Wanted = Callable[[str], bool]


def load_rows(
    state: State, repository: Repository, manifest: Manifest, at: Beside, erasure: Erasure, told: Told
) -> dict[str, Wanted]:
    """Which blobs the loaded rows name, by place. Raises NewerSchema, Damaged, CannotRestore."""
    with at.opened() as engine:
        state.doors.migrate(engine, manifest.source.revision)
    numbers = _numbers(repository, manifest)
    with at.load() as into:
        for collection in load_order(manifest.collections):
            if collection.name != SEQUENCES:
                _load(repository, collection, into, erasure, told)
                reached("restore.after_table")
        into.finish(numbers)
    with at.opened() as engine:
        state.doors.migrate(engine, None)
        with engine.connect().execution_options(reading=True) as connection:
            _check_counts(connection, manifest, erasure)
            tables = tables_of(connection)
            crops, frames = owed_crops(connection, tables), owed_frames(connection, tables)
    return {CROPS: crops.__contains__, FRAMES: frames.__contains__}


def _load(repository: Repository, collection: Collection, into: Load, erasure: Erasure, told: Told) -> None:
    count = 0
    chunks = (chunk for each in repository.ranges(collection) for chunk in each.chunks)
    for chunk in repository.get_many(chunks):
        rows = unpack_rows(chunk)
        count += len(rows)
        into.rows(collection.name, collection.columns, erasure.kept(collection, rows))
        told(len(chunk))
    if count != collection.count:
        raise Damaged(f"table {collection.name} has {count} rows instead of {collection.count}")


def _numbers(repository: Repository, manifest: Manifest) -> dict[tuple[str, str], int]:
    """The last number of each sequence, by table and column."""
    collection = manifest.collection(SEQUENCES)
    if collection is None:
        return {}
    chunks = [chunk for each in repository.ranges(collection) for chunk in each.chunks]
    rows = [row for chunk in repository.get_many(chunks) for row in unpack_rows(chunk)]
    return {(table, column): number for table, column, number in rows}


def _check_counts(connection: Connection, manifest: Manifest, erasure: Erasure) -> None:
    for each in load_order(manifest.collections):
        if each.name == SEQUENCES:
            continue
        there = connection.exec_driver_sql(f'SELECT count(*) FROM "{each.name}"').scalar()  # noqa: S608
        expected = each.count - erasure.left_out.get(each.name, 0)
        if there != expected:
            raise Damaged(f"table {each.name} has {there} rows after loading instead of {expected}")
