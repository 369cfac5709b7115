"""Who the rows of an index belong to: person ids and standings by number, without an object for each person."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from serve_apps.faces import Standing
from serve_apps.gallery.growing import grown

STANDINGS = tuple(Standing)
"""A standing is kept as its place in this tuple."""
ID_BYTES = 36


class Directory:
    """Numbers for persons. A number is never given to somebody else; one whose person is gone keeps the id.

    Ids are UTF-8 in one array: 36 bytes a person, where a dictionary of strings takes 200. An id is found by
    bisection among those known at the last load, and in a small dictionary among those that came since.
    """

    def __init__(self) -> None:
        self.ids: NDArray[np.bytes_] = np.empty(0, f"S{ID_BYTES}")
        self.standings: NDArray[np.uint8] = np.empty(0, np.uint8)
        self.count = 0
        self._sorted: NDArray[np.int32] = np.empty(0, np.int32)
        self._recent: dict[bytes, int] = {}

    def find(self, person_id: str) -> int | None:
        """The person's number."""
        key = person_id.encode()
        if key in self._recent:
            return self._recent[key]
        known = range(len(self._sorted))
        place = bisect_left(known, key, key=lambda rank: bytes(self.ids[self._sorted[rank]]))
        if place in known and self.ids[self._sorted[place]] == key:
            return int(self._sorted[place])
        return None

    def add(self, person_id: str, standing: Standing) -> int:
        """The number of a person who has none yet."""
        number, key = self.count, person_id.encode()
        self._make_room(1, len(key))
        self.ids[number] = key
        self.standings[number] = STANDINGS.index(standing)
        self._recent[key] = number
        self.count += 1
        return number

    def load(self, ids: NDArray[np.bytes_], standings: NDArray[np.uint8]) -> int:
        """Many new persons at once; the first one's number. `index` must follow."""
        first = self.count
        self._make_room(len(ids), ids.dtype.itemsize)
        self.ids[first : first + len(ids)] = ids
        self.standings[first : first + len(ids)] = standings
        self.count += len(ids)
        return first

    def index(self) -> None:
        """Make everybody known so far findable by bisection; takes a second for a million."""
        self._sorted = np.argsort(self.ids[: self.count], kind="stable").astype(np.int32)
        self._recent.clear()

    def id_of(self, number: int) -> str:
        """The person's id."""
        return bytes(self.ids[number]).decode()

    def standing_of(self, number: int) -> Standing:
        """The person's standing."""
        return STANDINGS[int(self.standings[number])]

    def _make_room(self, more: int, width: int) -> None:
        if width > self.ids.dtype.itemsize:
            self.ids = self.ids.astype(f"S{width}")
        self.ids = grown(self.ids, self.count, more)
        self.standings = grown(self.standings, self.count, more)
