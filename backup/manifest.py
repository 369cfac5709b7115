"""What a snapshot holds. The manifest is written last: with it the snapshot exists.

A snapshot is some *collections*: the rows of a table, or the blobs of a place. A collection is cut into *ranges*, each
a few chunks; an unchanged range has the chunks it had. *Pages* list up to 256 ranges each and are chunks themselves,
so that the manifest of a million events stays small.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

RANGES_A_PAGE = 256


@dataclass(frozen=True, slots=True)
class Range:
    """Rows or blobs whose ids lie close: `count` of them, `size` bytes before compression, in `chunks` by id.

    `key` says which ids: the number of a range of numbers, or the beginning of a range of names.
    """

    key: str
    count: int
    size: int
    chunks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """A table's rows (with its `columns`) or a place's blobs; `pages` are the chunks that list its ranges."""

    name: str
    kind: Literal["rows", "blobs"]
    columns: tuple[str, ...]
    count: int
    size: int
    pages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a snapshot was taken: the database's own id and engine, its schema's revision.

    `position` is what the source says to itself, to know next time what has changed since.
    """

    database: str
    engine: Literal["sqlite", "postgresql"]
    revision: str
    position: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A snapshot of `taken_at` (UTC), the moment that it shows. `id` sorts by time and names it everywhere.

    `base` is the snapshot whose ranges were taken over where nothing had changed, `None` where everything was read.
    """

    id: str
    repository: str
    taken_at: datetime
    source: Source
    collections: tuple[Collection, ...]
    base: str | None
    program: str

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(each.count for each in self.collections if each.kind == "rows")

    def collection(self, name: str) -> Collection | None:
        """By its name."""
        return next((each for each in self.collections if each.name == name), None)
