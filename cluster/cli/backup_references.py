"""Whether the rows of a snapshot bear each other out: `doorbell backup verify` asks, beside the bytes.

Tables whose ranges are cut by the same numbers are compared range by range, so a million events need no more memory
than a thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from backup.errors import BackupError
from backup.manifest import Collection, Manifest, Range
from backup.packing import unpack_index, unpack_rows
from backup.repository import Repository

BY_ID = (("gallery_faces", "person_id", "people", "id"), ("embeddings", "face_id", "gallery_faces", "id"))
BY_NUMBER = (("event_people", "event_seq", "events", "seq"), ("notices", "event_seq", "events", "seq"))
"""Table and column, and the table and column that must have the value."""


def complaints(repository: Repository) -> Callable[[Manifest], Iterator[str]]:
    """A line for each table with rows that name what the snapshot has not, and for crops that are missing."""

    def found(manifest: Manifest) -> Iterator[str]:
        reading = _Reading(repository, manifest)
        try:
            for table, column, other, key in BY_ID:
                yield from _missing(table, reading.values(table, column) - reading.values(other, key), other)
            for table, column, other, key in BY_NUMBER:
                yield from _missing(table, reading.strays(table, column, other, key), other)
            yield from _missing("gallery_faces", reading.crops_owed() - reading.names("crops"), "crops")
        except BackupError:
            return  # what cannot be read is told as damage already

    return found


def _missing(table: str, keys: set[Any], other: str) -> Iterator[str]:
    if keys:
        yield f"{len(keys)} rows of {table} name what {other} does not have, the first {min(keys)}"


class _Reading:
    """One snapshot's rows, a range at a time."""

    def __init__(self, repository: Repository, manifest: Manifest) -> None:
        self._repository = repository
        self._manifest = manifest

    def values(self, table: str, column: str) -> set[Any]:
        """Of a column of all rows; empty for a table that the snapshot's schema does not have."""
        collection = self._manifest.collection(table)
        return set(self._column(collection, self._ranges(collection), column)) if collection else set()

    def strays(self, table: str, column: str, other: str, key: str) -> set[Any]:
        """Numbers in a column that no row of the other table has in the range of the same name."""
        rows, theirs = self._manifest.collection(table), self._manifest.collection(other)
        if rows is None or theirs is None:
            return set()
        ranges = {each.key: each for each in self._ranges(theirs)}
        lost: set[Any] = set()
        for each in self._ranges(rows):
            there = [ranges[each.key]] if each.key in ranges else []
            lost |= set(self._column(rows, [each], column)) - set(self._column(theirs, there, key))
        return lost

    def crops_owed(self) -> set[str]:
        """`person/face` of every face; nothing where the snapshot has no crops at all."""
        faces = self._manifest.collection("gallery_faces")
        if faces is None or self._manifest.collection("crops") is None:
            return set()
        person, face = faces.columns.index("person_id"), faces.columns.index("id")
        return {f"{row[person]}/{row[face]}" for row in self._rows(self._ranges(faces))}

    def names(self, place: str) -> set[str]:
        """Of the blobs of a place."""
        collection = self._manifest.collection(place)
        ranges = self._ranges(collection) if collection else []
        return {entry.name for each in ranges for entry in unpack_index(self._repository.get(each.chunks[0]))}

    def _ranges(self, collection: Collection) -> Iterable[Range]:
        return self._repository.ranges(collection)

    def _column(self, collection: Collection, ranges: Iterable[Range], column: str) -> Iterator[Any]:
        place = collection.columns.index(column)
        return (row[place] for row in self._rows(ranges))

    def _rows(self, ranges: Iterable[Range]) -> Iterator[list[Any]]:
        for each in ranges:
            for chunk in self._repository.get_many(each.chunks):
                yield from unpack_rows(chunk)
