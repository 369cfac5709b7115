"""The embeddings of a gallery in memory: one row each, added and removed in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from serve_apps.faces import Embedding
from serve_apps.gallery.chains import NOBODY, Chains
from serve_apps.gallery.directory import ID_BYTES, STANDINGS, Directory
from serve_apps.gallery.growing import grown
from serve_apps.gallery.person import Member


def distances(rows: NDArray[np.float32], embedding: Embedding) -> NDArray[np.float32]:
    """Euclidean distances of n x 128 rows; the one formula that every kind of search ends with."""
    apart: NDArray[np.float32] = np.linalg.norm(rows - embedding, axis=1)
    return apart


class Rows:
    """`embeddings` n x 128, their squared norms (infinity: a free row) and `owners`, numbers of `people`.

    Only the first `count` rows count. A free row is nobody's and all zeros: what was erased is not kept in memory.
    """

    def __init__(self) -> None:
        self.people = Directory()
        self.embeddings: NDArray[np.float32] = np.empty((0, 128), np.float32)
        self.norms: NDArray[np.float32] = np.empty(0, np.float32)
        self.owners: NDArray[np.int32] = np.empty(0, np.int32)
        self.count = 0
        self.largest_norm = 0.0
        self._chains = Chains()
        self._free: list[int] = []

    @property
    def live(self) -> int:
        """How many rows are somebody's."""
        return self.count - len(self._free)

    def put(self, member: Member) -> list[int]:
        """A person as they are now, new or not; the rows that changed. What stays the same stays where it is."""
        number = self.people.find(member.person_id)
        if number is None:
            number = self.people.add(member.person_id, member.standing)
            self._chains.begin(number, self.people.count)
        self.people.standings[number] = STANDINGS.index(member.standing)
        wanted = Counter(embedding.tobytes() for embedding in member.embeddings)
        held = self._chains.rows_of(number)
        kept = []
        for row in held:
            content = self.embeddings[row].tobytes()
            if wanted[content] > 0:
                wanted[content] -= 1
                kept.append(row)
        freed = sorted(set(held) - set(kept))
        self._release(freed)
        added = [self._take(np.frombuffer(content, np.float32)) for content in wanted.elements()]
        self.owners[added] = number
        self._chains.put(number, kept + added)
        return freed + added

    def remove(self, person_id: str) -> list[int]:
        """Forget a person; the rows that changed."""
        number = self.people.find(person_id)
        if number is None:
            return []
        held = self._chains.rows_of(number)
        self._release(held)
        self._chains.put(number, [])
        return held

    def reserve(self, count: int) -> None:
        """Room for so many rows, so that loading them copies nothing."""
        if count > len(self.embeddings):
            self._make_room(count - self.count)

    def load(self, members: Sequence[Member]) -> None:
        """Many new persons at once. `people.index()` must follow the last of them."""
        if not members:
            return
        keys = [member.person_id.encode() for member in members]
        ids = np.array(keys, f"S{max(ID_BYTES, *map(len, keys))}")
        standings = np.array([STANDINGS.index(member.standing) for member in members], np.uint8)
        first = self.people.load(ids, standings)
        self._chains.begin(first, self.people.count)
        owners = np.repeat(
            np.arange(first, first + len(members), dtype=np.int32), [len(member.embeddings) for member in members]
        )
        self._append(np.concatenate([member.embeddings for member in members]), owners)

    def restore(
        self,
        ids: NDArray[np.bytes_],
        standings: NDArray[np.uint8],
        owners: NDArray[np.int32],
        embeddings: NDArray[np.float32],
    ) -> None:
        """Everything at once into an empty gallery, the row numbers kept; takes `embeddings` over without a copy.

        Rows of owners without an id are free ones.
        """
        self._chains.begin(self.people.load(ids, standings), self.people.count)
        self.people.index()
        self.embeddings = embeddings
        self._append(None, owners)
        self._free = np.flatnonzero(owners == NOBODY).tolist()
        self.embeddings[self._free] = 0
        self.norms[self._free] = np.inf

    def _append(self, embeddings: NDArray[np.float32] | None, owners: NDArray[np.int32]) -> None:
        first, last = self.count, self.count + len(owners)
        self._make_room(len(owners))
        if embeddings is not None:
            self.embeddings[first:last] = embeddings
        self.owners[first:last] = owners
        self._weigh(slice(first, last))
        self.count = last
        self._chains.load(first, owners)

    def _weigh(self, rows: slice) -> None:
        part = self.embeddings[rows]
        norms = np.einsum("ij,ij->i", part, part)
        self.norms[rows] = norms
        self.largest_norm = max(self.largest_norm, float(norms.max(initial=0)))

    def _take(self, embedding: Embedding) -> int:
        if not self._free:
            self._make_room(1)
            self._free.append(self.count)
            self.count += 1
        row = self._free.pop()
        self.embeddings[row] = embedding
        self._weigh(slice(row, row + 1))
        return row

    def _release(self, rows: list[int]) -> None:
        for row in rows:
            self.owners[row] = NOBODY
            self.embeddings[row] = 0
            self.norms[row] = np.inf
            self._free.append(row)

    def _make_room(self, more: int) -> None:
        self.embeddings = grown(self.embeddings, self.count, more)
        self.norms = grown(self.norms, self.count, more)
        self.owners = grown(self.owners, self.count, more)
        self._chains.make_room(self.count, more)
