"""Who is in a picture: what every peer asks, of face_recognition or of our engine."""

from __future__ import annotations

import os
from typing import BinaryIO, Protocol

from samples.frames import PEOPLE

TOLERANCE = 0.6
"""What face_recognition.compare_faces takes for the same person unless it is told otherwise."""

UNKNOWN = "unknown"


class Known(Protocol):
    """The sample people, enrolled."""

    def names(self, picture: BinaryIO) -> list[str]:
        """One for each face in a JPEG, `unknown` for a stranger's."""


class WithFaceRecognition:
    """face_recognition with its defaults, by its README."""

    def __init__(self) -> None:
        import face_recognition

        self._package = face_recognition
        photos = [(person.name, path) for person in PEOPLE for path in person.paths]
        self._names = [name for name, _ in photos]
        self._encodings = [
            face_recognition.face_encodings(face_recognition.load_image_file(str(path)))[0] for _, path in photos
        ]

    def names(self, picture: BinaryIO) -> list[str]:
        image = self._package.load_image_file(picture)
        return [self._nearest(encoding) for encoding in self._package.face_encodings(image)]

    def _nearest(self, encoding: object) -> str:
        distances = self._package.face_distance(self._encodings, encoding)
        best = int(distances.argmin())
        return self._names[best] if distances[best] <= TOLERANCE else UNKNOWN


class WithOurEngine:
    """The recognizer that our replicas run, built by the same settings."""

    def __init__(self) -> None:
        from benchmarks.bare import bare_recognizer
        from serve_apps.settings import load

        self._recognizer = bare_recognizer(load())

    def names(self, picture: BinaryIO) -> list[str]:
        found = self._recognizer.recognize(picture.read(), 0)
        return [identity.person_id or UNKNOWN for identity in found.identities]


ENGINES: dict[str, type[Known]] = {"face_recognition": WithFaceRecognition, "ours": WithOurEngine}


def cores() -> int:
    """Those that this process may use: a worker or replica each."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
