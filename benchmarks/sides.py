"""The two sides that `bench engine` compares, and the pictures that both are given.

Both start from a JPEG's bytes and end with who is in it. Ours is timed as the replica calls it
(`Recognizer.recognize`), theirs as its documentation tells a user to: `load_image_file`, `face_locations`,
`face_encodings`, `face_distance`. Neither is charged for what it does not do in use.
"""

from __future__ import annotations

import io
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import face_recognition
import numpy as np

from samples.frames import FRAMES, PEOPLE, PHOTOS
from serve_apps.faces import Image, Standing, verdict_of
from serve_apps.gallery.enroll import judge
from serve_apps.gallery.index import search_of
from serve_apps.gallery.person import Member
from serve_apps.gallery.search import Search
from serve_apps.recognition import decode
from serve_apps.recognition.detect import DetectorLimits
from serve_apps.recognition.engine import Engine, YunetDlib, faces_of
from serve_apps.recognition.match import Candidates, MatchRules, identify
from serve_apps.recognition.recognizer import Recognizer
from serve_apps.recognition.reference import FaceRecognition

TOLERANCE = 0.6
"""What face_recognition.compare_faces takes for the same person unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG: a sample photograph byte for byte, or a 640 x 480 frame composed from them."""

    name: str
    kind: Literal["photograph", "frame"]
    content: bytes


@dataclass(frozen=True, slots=True)
class Pass:
    """One picture once through a side: wall and CPU time of the whole, wall time of each stage, in milliseconds."""

    faces: int
    wall_ms: float
    cpu_ms: float
    stages_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a side says of a frame, end to end."""

    verdict: str
    who: tuple[str, ...]


class Side(Protocol):
    """A way from bytes to persons."""

    def timed(self, content: bytes) -> Pass:
        """Once through, with a watch."""

    def answer(self, content: bytes) -> Answer:
        """Verdict and persons."""


def photographs() -> list[Picture]:
    """Every sample photograph."""
    return [Picture(path.stem, "photograph", path.read_bytes()) for path in sorted(PHOTOS.glob("*.jpg"))]


def frames() -> list[Picture]:
    """Every composed frame, as the edge's replay driver posts it."""
    with tempfile.TemporaryDirectory() as folder:
        return [Picture(frame.name, "frame", frame.write(Path(folder), 0).read_bytes()) for frame in FRAMES]


@dataclass(frozen=True, slots=True)
class _FixedGallery:
    """A gallery that nobody changes."""

    candidates: Candidates
    version: int = 0

    def at_least(self, version: int) -> Candidates:
        """The one state there is."""
        return self.candidates


@dataclass(slots=True)
class _Watch:
    """Wall time by stage, in the order of the laps."""

    at: float = field(default_factory=time.perf_counter)
    stages_ms: dict[str, float] = field(default_factory=dict)

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages_ms[stage] = (now - self.at) * 1000
        self.at = now


class Ours:
    """YunetDlib behind the recognizer that a replica runs."""

    def __init__(self, weights_folder: Path, limits: DetectorLimits, rules: MatchRules) -> None:
        self.engine = YunetDlib(weights_folder, limits)
        self._rules = rules
        self._gallery = enrolled(self.engine)
        self._recognizer = Recognizer(self.engine, _FixedGallery(self._gallery), rules, "bench")

    def timed(self, content: bytes) -> Pass:
        """The whole as the replica runs it; then the stages, whose sum differs from it by noise only."""
        wall, cpu = time.perf_counter(), time.process_time()
        found = self._recognizer.recognize(content, 0)
        wall_ms, cpu_ms = (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000
        return Pass(len(found.identities), wall_ms, cpu_ms, self._stages(content))

    def answer(self, content: bytes) -> Answer:
        """Verdict and persons."""
        return _answer(self._recognizer, content)

    def chips(self, content: bytes) -> list[Image]:
        """The aligned faces of a picture."""
        picture = decode.Picture(content)
        return self.engine.chips(picture, self.engine.find(picture))

    def _stages(self, content: bytes) -> dict[str, float]:
        watch, engine = _Watch(), self.engine
        picture = decode.Picture(content)
        watch.lap("decode")
        found = engine.find(picture)
        watch.lap("detect")
        chips = engine.chips(picture, found)
        watch.lap("align")
        embeddings = engine.embed(chips)
        watch.lap("embed")
        faces = faces_of([(face.box, face.score) for face in found], chips, embeddings)
        watch.lap("quality")
        identify(faces, self._gallery, self._rules)
        watch.lap("match")
        return watch.stages_ms


class Reference:
    """face_recognition with its defaults: HOG with one upsample, the small landmark model, tolerance 0.6."""

    def __init__(self, rules: MatchRules) -> None:
        self.engine = FaceRecognition()
        gallery = enrolled(self.engine)
        self._known = gallery.rows.embeddings[: gallery.rows.count]
        self._recognizer = Recognizer(self.engine, _FixedGallery(gallery), rules, "bench")

    def timed(self, content: bytes) -> Pass:
        """The public calls, one after the other."""
        cpu, started = time.process_time(), time.perf_counter()
        watch = _Watch(started)
        image = face_recognition.load_image_file(io.BytesIO(content))
        watch.lap("decode")
        places = face_recognition.face_locations(image)
        watch.lap("detect")
        encodings = face_recognition.face_encodings(image, places)
        watch.lap("embed")
        for encoding in encodings:
            distances = face_recognition.face_distance(self._known, encoding)
            bool(distances[np.argmin(distances)] <= TOLERANCE)
        watch.lap("match")
        cpu_ms = (time.process_time() - cpu) * 1000
        return Pass(len(places), (watch.at - started) * 1000, cpu_ms, watch.stages_ms)

    def answer(self, content: bytes) -> Answer:
        """Verdict and persons, by the same matching rules as ours."""
        return _answer(self._recognizer, content)


def enrolled(engine: Engine) -> Search:
    """The sample people as this engine sees them, from the sample photographs. Raises PhotoRefused."""
    examiner = Recognizer(engine, _FixedGallery(search_of([])), MatchRules(), "bench")
    members = []
    for person in PEOPLE:
        found = [list(examiner.examine(path.read_bytes(), 0, 1).faces) for path in person.paths]
        embeddings = np.stack([judge(faces, None, MatchRules().threshold).face.embedding for faces in found])
        members.append(Member(person.name, Standing(person.standing), embeddings))
    return search_of(members)


def _answer(recognizer: Recognizer, content: bytes) -> Answer:
    identities = recognizer.recognize(content, 0).identities
    who = sorted(identity.person_id for identity in identities if identity.person_id is not None)
    return Answer(verdict_of([identity.standing for identity in identities]).value, tuple(who))
