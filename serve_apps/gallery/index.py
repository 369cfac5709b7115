"""The gallery in a recognizer's memory, brought up to date before a question that needs it newer."""

from __future__ import annotations

import numpy as np

from serve_apps.gallery.person import Member
from serve_apps.gallery.store import Gallery
from serve_apps.recognition.match import Candidates


class GalleryIndex:
    """Follows the gallery's change log. Used by one thread at a time."""

    def __init__(self, gallery: Gallery, space: str) -> None:
        """Loads everybody."""
        self._gallery = gallery
        self._space = space
        self._members: dict[str, Member] = {}
        self._version: int | None = None
        self.candidates = Candidates()
        self.follow()

    def at_least(self, version: int) -> Candidates:
        """The candidates as of the gallery's `version` or later.

        The gateway reads the version with each request, so an enrolment or a removal that was answered before a
        frame arrived is seen by every replica that works on that frame.
        """
        if self._version is None or self._version < version:
            self.follow()
        return self.candidates

    def follow(self) -> None:
        """Read what has changed since the last time."""
        self._version, changed, members = self._gallery.members(self._space, self._version)
        for person_id in changed:
            self._members.pop(person_id, None)
        self._members |= {member.person_id: member for member in members}
        if changed:
            self.candidates = _candidates(list(self._members.values()))


def _candidates(members: list[Member]) -> Candidates:
    if not members:
        return Candidates()
    return Candidates(
        np.concatenate([member.embeddings for member in members]),
        np.repeat(np.arange(len(members)), [len(member.embeddings) for member in members]),
        tuple((member.person_id, member.standing) for member in members),
    )
