"""What belongs to a person: which rows and blobs must be there with a face, and which are left out after an erasure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from backup.errors import Damaged
from backup.manifest import Collection
from backup.places import BlobPlace
from backup.tables import Table

CROPS = "crops"
FRAMES = "recent-frames"
FRAME = "frame"
"""The last part of a recent frame's name."""

FIRST = ("people", "gallery_faces", "embeddings")
"""Tables that are loaded before others, in this order: who is left out of one is left out of the next."""


@dataclass
class Erasure:
    """Leaves out what nobody can or may read any more: persons without a key, and frames whose key is gone.

    `keys` are the persons who have one, `file_keys` those of single files. Events keep the ids of erased persons, as
    they do in a live database. With `forget_changes` the gallery's log is left out: who is in it and has no row counts
    as erased, which they are not whose key is lost.
    """

    keys: frozenset[str]
    file_keys: frozenset[str]
    forget_changes: bool = False
    faces: set[str] = field(default_factory=set)
    left_out: dict[str, int] = field(default_factory=dict)

    def kept(self, collection: Collection, rows: list[list[Any]]) -> list[list[Any]]:
        """Of a table's rows those that stay; `FIRST` in its order."""
        if self.forget_changes and collection.name == "gallery_changes":
            self.left_out[collection.name] = self.left_out.get(collection.name, 0) + len(rows)
            return []
        judged = {"people": "id", "gallery_faces": "person_id", "embeddings": "face_id", "recent_frames": "key_id"}
        column = judged.get(collection.name)
        if column is None:
            return rows
        place = collection.columns.index(column)
        stays = [row for row in rows if self._stays(collection.name, row[place])]
        if collection.name == "gallery_faces":
            face, those = collection.columns.index("id"), set(map(id, stays))
            self.faces.update(row[face] for row in rows if id(row) not in those)
        self.left_out[collection.name] = self.left_out.get(collection.name, 0) + len(rows) - len(stays)
        return stays

    def _stays(self, table: str, value: str) -> bool:
        if table == "embeddings":
            return value not in self.faces
        return value in (self.file_keys if table == "recent_frames" else self.keys)


def load_order(collections: Sequence[Collection]) -> list[Collection]:
    """Tables only."""
    tables = {each.name: each for each in collections if each.kind == "rows"}
    first = [tables.pop(name) for name in FIRST if name in tables]
    return first + list(tables.values())


def owed_crops(connection: Connection, tables: dict[str, Table]) -> set[str]:
    """The names of the crops of all faces."""
    if "gallery_faces" not in tables:
        return set()
    rows = connection.exec_driver_sql("SELECT person_id, id FROM gallery_faces")
    return {f"{person_id}/{face_id}" for person_id, face_id in rows}


def owed_frames(connection: Connection, tables: dict[str, Table]) -> set[str]:
    """The names of recent frames that have a row."""
    if "recent_frames" not in tables:
        return set()
    return {f"{event_id}/{FRAME}" for (event_id,) in connection.exec_driver_sql("SELECT event_id FROM recent_frames")}


def without_crop(owed: set[str], found: set[str], keys: frozenset[str]) -> Iterator[str]:
    """Crops that are owed and gone, though their person has a key."""
    return (name for name in sorted(owed - found) if name.partition("/")[0] in keys)


def refuse_lost(lost: Sequence[str], place: BlobPlace) -> None:
    """Raises Damaged when there is any."""
    if lost:
        person, _, face = lost[0].partition("/")
        raise Damaged(
            f"{place.target.place} lacks the crops of {len(lost)} faces, the first is {face} of person {person}: "
            f"put them back, or remove these faces: DELETE /api/v1/recognition/faces/{face}"
        )
