"""The gallery in a recognizer's memory, brought up to date before a question that needs it newer."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from threading import Lock
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from serve_apps.gallery.archive import Archive, Snapshot, snapshot
from serve_apps.gallery.chains import NOBODY
from serve_apps.gallery.lists import Lists
from serve_apps.gallery.person import Member
from serve_apps.gallery.rows import Rows
from serve_apps.gallery.search import Search
from serve_apps.gallery.store import Gallery

PAUSE_SECONDS = 0.0005
"""After a row was taken into the lists, so that a search that waits for it comes first."""

Complete: TypeAlias = Callable[[set[str] | None], None]
"""Sees to it that the enrolled faces of these persons, or of everybody, have embeddings in the index's space."""


class GalleryIndex:
    """Follows the gallery's change log: one thread asks, and another may tend the lists meanwhile."""

    def __init__(
        self, gallery: Gallery, space: str, archive: Archive | None = None, complete: Complete | None = None
    ) -> None:
        """Everybody, from the saved index when there is one that can be used, else from the database.

        `complete` is called in the thread that makes the index or asks it, never in the one that tends the lists.
        """
        self._gallery = gallery
        self._space = space
        self._complete = complete
        version = gallery.version()
        if complete is not None:
            complete(None)
        self._lock = Lock()
        self._notes_changes = False
        loaded = archive.load() if archive else None
        self.from_saved = loaded is not None
        self.search, made_at = loaded or _read(gallery, space)
        self._version = version
        self._adopt(self.search, made_at)

    def at_least(self, version: int) -> Search:
        """The candidates as of the gallery's `version` or later.

        The gateway reads the version with each request, so an enrolment or a removal that was answered before a
        frame arrived is seen by every replica that works on that frame.
        """
        with self._lock:
            if self._version < version:
                self._follow()
            return self.search

    def follow(self) -> None:
        """Read what has changed since the last time."""
        with self._lock:
            self._follow()

    @property
    def version(self) -> int:
        """The gallery's version that this is of."""
        return self._version

    @property
    def live(self) -> int:
        """How many embeddings there are."""
        return self.search.rows.live

    def begin_lists(self) -> int:
        """From now on changes are noted for lists to come; how many rows they have to take in."""
        with self._lock:
            if self.search.lists is None:
                self.search.stale.clear()
            self._notes_changes = True
            return self.search.rows.count

    def embeddings_of(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """A copy of these rows."""
        with self._lock:
            return self.search.rows.embeddings[rows]

    def part(self, first: int, last: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """The numbers of somebody's rows between these, and their embeddings."""
        with self._lock:
            chosen = np.flatnonzero(self.search.rows.owners[first:last] != NOBODY) + first
            return chosen, self.search.rows.embeddings[chosen]

    def use(self, lists: Lists | None) -> None:
        """Search by these lists from now on; None: exactly."""
        with self._lock:
            self.search.lists = lists
            if lists is None:
                self._notes_changes = False
                self.search.stale.clear()

    def replace(self, search: Search, version: int) -> None:
        """Go on with an index that another recognizer saved."""
        self._adopt(search, version)

    def merge(self, most: int) -> int:
        """Take rows that changed into the lists; how many were taken."""
        with self._lock:
            lists, waiting = self.search.lists, list(islice(self.search.stale.items(), most))
        assert lists is not None
        for row, change in waiting:
            with self._lock:
                rows = self.search.rows
                embedding = rows.embeddings[row].copy() if rows.owners[row] != NOBODY else None
            lists.put(row, embedding)
            with self._lock:
                if self.search.stale.get(row) is change:  # not changed again meanwhile
                    del self.search.stale[row]
            time.sleep(PAUSE_SECONDS)
        return len(waiting)

    def snapshot(self) -> Snapshot:
        """What is to be saved."""
        with self._lock:
            return snapshot(self.search.rows, self._version)

    def _adopt(self, search: Search, version: int) -> None:
        # What changed while the index was saved may be half in it: these persons are forgotten before they are read.
        newer, changed, members = self._gallery.members(self._space, version)
        touched = [row for person_id in changed for row in search.rows.remove(person_id)]
        touched += [row for member in members for row in search.rows.put(member)]
        if search.lists is not None:
            search.stale.update((row, object()) for row in touched)
        with self._lock:
            # What came after the last completion is read once more, in the thread that may complete it.
            self._version = newer if self._complete is None else min(newer, self._version)
            self.search = search
            self._notes_changes = search.lists is not None

    def _follow(self) -> None:
        self._version, changed, members = self._gallery.members(self._space, self._version, self._complete)
        rows = self.search.rows
        touched = [row for member in members for row in rows.put(member)]
        touched += [
            row for person_id in changed - {member.person_id for member in members} for row in rows.remove(person_id)
        ]
        if self._notes_changes:
            self.search.stale.update((row, object()) for row in touched)


def _read(gallery: Gallery, space: str) -> tuple[Search, int]:
    rows = Rows()
    with gallery.everybody(space) as (version, count, parts):
        rows.reserve(count)
        for members in parts:
            rows.load(members)
    rows.people.index()
    return Search(rows), version


def search_of(members: list[Member]) -> Search:
    """Candidates that nobody changes."""
    rows = Rows()
    rows.load(members)
    rows.people.index()
    return Search(rows)
