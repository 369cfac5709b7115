"""The gallery in another embedding space: every enrolled face's kept crop goes through another embedder.

Nothing is kept of how far it came but the embeddings themselves, so any number of processes may do it at once, be
killed, and begin again. Each of them says in the gallery's change log whose embeddings it wrote, as an enrolment
does; an index of this space that could not embed a face itself is told that way.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from cluster.security.keyring import KeyringError
from serve_apps.database import reading
from serve_apps.faces import Embedding, UndecodableImage
from serve_apps.gallery.crops import CropsUnavailable
from serve_apps.gallery.person import EnrolledFace
from serve_apps.gallery.spaces import add_embeddings, missing, parts, recognizable
from serve_apps.gallery.store import Gallery, NotEmbedded
from serve_apps.recognition.decode import Picture
from serve_apps.recognition.engine import Engine
from serve_apps.tables import gallery_faces

log = logging.getLogger(__name__)

BATCH = 16
"""Faces written by one transaction: a second's work of one core, lost when the process is killed."""

MOST_AT_START = 200
"""Faces that a recognizer embeds before it is ready: ten seconds' work at the most."""


class CannotEmbed(Exception):
    """Why an enrolled face has no embedding in the new space."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A face that could not be embedded."""

    person: str
    face_id: str
    reason: str
    person_id: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Faces done of all that were missing, failed ones too; `rate` in faces a second."""

    done: int
    total: int
    rate: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """`partly`: names of those with failures who have another embedding in the space, `without`: who have none.

    `remaining` faces were not looked at because of a stop.
    """

    embedded: int
    failures: tuple[Failure, ...]
    partly: tuple[str, ...]
    without: tuple[str, ...]
    remaining: int


def embed(engine: Engine, crop: bytes) -> Embedding:
    """Of the face nearest the middle of a crop. Raises UndecodableImage, CannotEmbed."""
    picture = Picture(crop)
    height, width = (side * picture.reduction for side in picture.image.shape[:2])
    faces = engine.faces_of_many([picture])[0]
    if not faces:
        raise CannotEmbed("no face is found in its crop")
    boxes = [face.box for face in faces]
    apart = [(2 * box.x + box.width - width) ** 2 + (2 * box.y + box.height - height) ** 2 for box in boxes]
    return faces[apart.index(min(apart))].embedding


class Reembedding:
    """Used by the engine's thread; remembers the faces that it could not embed and does not try them again."""

    def __init__(self, gallery: Gallery, engine: Engine) -> None:
        self._gallery = gallery
        self._engine = engine
        self._left_out: set[str] = set()
        self._failed: dict[str, str] = {}

    def complete(self, person_ids: set[str] | None) -> None:
        """Embed what is missing of these persons, or of everybody before a recognizer is ready.

        Raises NotEmbedded when that is a whole gallery's work. A face that cannot be embedded is logged.
        """
        faces = self._untried(person_ids)
        if person_ids is None:
            faces = self._few(faces)
        for batch in parts(faces, BATCH):
            self._embed(batch, stop=lambda: False, pause=lambda: None)

    def run(
        self,
        progress: Callable[[Progress], None],
        stop: Callable[[], bool],
        pause: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> Outcome:
        """Embed all that is missing, and what is enrolled meanwhile; `pause` comes after each face."""
        began, done, embedded = clock(), 0, 0
        while (faces := self._untried(None)) and not stop():
            total = done + len(faces)
            for batch in parts(faces, BATCH):
                if stop():
                    break
                progress(Progress(done, total, _rate(done, clock() - began)))
                looked_at, written = self._embed(batch, stop, pause)
                done, embedded = done + looked_at, embedded + written
            progress(Progress(done, total, _rate(done, clock() - began)))
        return self._outcome(embedded)

    def _untried(self, person_ids: set[str] | None) -> list[EnrolledFace]:
        if person_ids is not None and not person_ids:
            return []
        found = missing(self._gallery.database, self._engine.space, person_ids)
        return [face for face in found if face.id not in self._left_out]

    def _few(self, faces: list[EnrolledFace]) -> list[EnrolledFace]:
        """Those that a start has time for. Who has other embeddings in the space may wait, the oldest longest."""
        if len(faces) <= MOST_AT_START:
            return faces
        known = recognizable(self._gallery.database, self._engine.space, {face.person_id for face in faces})
        needed = [face for face in faces if face.person_id not in known]
        if len(needed) > MOST_AT_START:
            raise NotEmbedded(
                f"{len(needed)} enrolled faces have no embedding in space {self._engine.space}; "
                "run 'doorbell gallery reembed --release NAME' first"
            )
        others = sorted((face for face in faces if face.person_id in known), key=lambda face: face.created_at)
        room = MOST_AT_START - len(needed)
        log.warning("gallery.faces_not_embedded space=%s count=%d", self._engine.space, len(others) - room)
        return needed + others[len(others) - room :]

    def _embed(
        self, batch: Sequence[EnrolledFace], stop: Callable[[], bool], pause: Callable[[], None]
    ) -> tuple[int, int]:
        """Embed and commit; how many were looked at, and how many written by this process."""
        made: list[tuple[EnrolledFace, bytes]] = []
        looked_at = written = 0
        for face in batch:
            if stop():
                break
            try:
                made.append((face, self._sealed(face)))
            except (CannotEmbed, CropsUnavailable, KeyringError, UndecodableImage) as error:
                self._give_up(face, str(error))
            looked_at += 1
            pause()
        if made:
            written, gone = add_embeddings(self._gallery.database, self._engine.space, made)
            self._left_out |= gone
        return looked_at, written

    def _give_up(self, face: EnrolledFace, reason: str) -> None:
        self._left_out.add(face.id)
        if self._is_enrolled(face):
            log.error("gallery.face_not_embedded face=%s space=%s: %s", face.id, self._engine.space, reason)
            self._failed[face.id] = reason

    def _sealed(self, face: EnrolledFace) -> bytes:
        embedding = embed(self._engine, self._gallery.crop(face))
        label = f"embedding {face.id} {self._engine.space}"
        return self._gallery.keyring.seal_many([(face.person_id, label, embedding.tobytes())])[0]

    def _is_enrolled(self, face: EnrolledFace) -> bool:
        """An erased person's key goes before the face does."""
        with reading(self._gallery.database) as connection:
            there = connection.scalar(sa.select(gallery_faces.c.id).where(gallery_faces.c.id == face.id))
        return there is not None and not self._gallery.keyring.without_key([face.person_id])

    def _outcome(self, embedded: int) -> Outcome:
        """Failures of those who are still enrolled; nobody is called lost while faces of theirs remain."""
        left = missing(self._gallery.database, self._engine.space)
        untried = [face for face in left if face.id not in self._left_out]
        failed = [face for face in left if face.id in self._failed]
        known = recognizable(self._gallery.database, self._engine.space, {face.person_id for face in failed})
        open_ids = {face.person_id for face in untried}
        return Outcome(
            embedded,
            tuple(Failure(face.person_name, face.id, self._failed[face.id], face.person_id) for face in failed),
            partly=_names([face for face in failed if face.person_id in known]),
            without=_names([face for face in failed if face.person_id not in known | open_ids]),
            remaining=len(untried),
        )


def _names(faces: list[EnrolledFace]) -> tuple[str, ...]:
    return tuple(sorted({face.person_name for face in faces}))


def _rate(done: int, seconds: float) -> float:
    return done / seconds if seconds > 0 else 0.0
