"""Who is nearest: exact search in a small gallery, lists and exact ranking in a large one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from serve_apps.faces import Embedding
from serve_apps.gallery import exact
from serve_apps.gallery.chains import NOBODY
from serve_apps.gallery.lists import Lists
from serve_apps.gallery.rows import Rows, distances
from serve_apps.recognition.match import Neighbour

WANTED = 24
"""Rows asked for at first: enough for the two nearest of persons with a dozen photographs."""

MOST_WANTED = 512
"""Lists are not asked for more; a person with more photographs than that is passed by exact search."""


class Search:
    """`Candidates` over rows. `stale` are the rows that the lists do not have as they are; they are all measured."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.lists: Lists | None = None
        self.stale: dict[int, object] = {}

    def nearest(self, embedding: Embedding, count: int) -> list[Neighbour]:
        """The nearest persons by exact distance.

        Whatever is nearer than the farthest of the rows found is known; so rows are asked for until the last person
        wanted is nearer than that, and a tie at the end is never cut.
        """
        wanted = WANTED
        while True:
            found, proposed = self._near(embedding, wanted)
            apart = distances(self.rows.embeddings[found], embedding)
            persons = self._persons(found, apart, count)
            known = proposed is None or (
                len(persons) >= count and persons[count - 1].distance < _reach(apart[:proposed], wanted)
            )
            if known:
                return persons[:count]
            wanted *= 4

    def _near(self, embedding: Embedding, wanted: int) -> tuple[NDArray[np.intp], int | None]:
        """Rows, and how many of them, from the first, are the nearest ones; None: they are all there are."""
        stale, lists = list(self.stale), self.lists  # in this order: lists may take them in, or end, just now
        if lists is None or wanted > MOST_WANTED:
            found, is_all = exact.near(self.rows, embedding, wanted)
            return found, None if is_all else len(found)
        found = self._owned(lists.near(embedding, wanted))
        others = np.setdiff1d(self._owned(np.array(stale, np.intp)), found) if stale else found[:0]
        return np.concatenate([found, others]), len(found)

    def _owned(self, found: NDArray[np.intp]) -> NDArray[np.intp]:
        owned: NDArray[np.intp] = found[self.rows.owners[found] != NOBODY]
        return owned

    def _persons(self, found: NDArray[np.intp], apart: NDArray[np.float32], count: int) -> list[Neighbour]:
        """The `count` nearest owners of these rows, and those as far away as the last one: ids decide between them."""
        order = apart.argsort()
        people, seen = self.rows.people, set()
        persons: list[Neighbour] = []
        for number, distance in zip(self.rows.owners[found[order]].tolist(), apart[order].tolist(), strict=True):
            if len(persons) >= count and distance > persons[-1].distance:
                break
            if number not in seen:
                seen.add(number)
                persons.append(Neighbour(people.id_of(number), people.standing_of(number), distance))
        return sorted(persons, key=lambda person: (person.distance, person.person_id))


def _reach(apart: NDArray[np.float32], wanted: int) -> float:
    """The distance within which nothing is missing, when these are the distances of the rows proposed."""
    last = min(wanted, len(apart))
    return float(np.partition(apart, last - 1)[last - 1]) if last else -1.0
