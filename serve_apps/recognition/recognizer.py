"""What a replica does with one image: decode, detect, align, embed, match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

import cv2

from cluster.monitoring.journey import Journey, begun, ended
from serve_apps.faces import Box, Examination, Examined, Face, Recognition, UndecodableImage
from serve_apps.recognition.decode import Picture
from serve_apps.recognition.engine import Engine
from serve_apps.recognition.match import Candidates, MatchRules, identify, nearest, sureness
from serve_apps.recognition.probe import Probe
from serve_apps.recognition.trial import Trial, TrialFrame, TrialPerson
from serve_apps.recognition.try_out import answered, try_out

CROP_SIDE = 512
"""Longest side of a kept crop in pixels: enough for the 112 and 150 pixel chips of the embedders we know."""


class GalleryView(Protocol):
    """Candidates that can be brought up to date."""

    @property
    def version(self) -> int:
        """The gallery's version that the candidates are of."""

    def at_least(self, version: int) -> Candidates:
        """The candidates as of the gallery's `version` or later."""


class Recognizer:
    """One engine with one gallery; used by one thread. `timed`: whether answers say how long each stage took."""

    def __init__(
        self, engine: Engine, gallery: GalleryView, rules: MatchRules, release: str, *, timed: bool = True
    ) -> None:
        """Warms the engine up. Raises ProbeFailed, CannotRun."""
        self.replica: str | None = None
        self._timed = timed
        self._engine = engine
        self._gallery = gallery
        self._rules = rules
        self.release = release
        self._probe = Probe(engine)

    @property
    def batches(self) -> bool:
        """Whether `recognize_many` costs less than `recognize` one after the other."""
        return self._engine.batches

    def recognize(self, image: bytes, gallery_version: int) -> Recognition:
        """Who is in a frame. Raises UndecodableImage."""
        with self._timing() as journey:
            picture = Picture(image)
            ended("decode")
            found = self._recognition(self._engine.faces_of_many([picture])[0], gallery_version)
        return self._told(found, journey)

    def recognize_many(
        self, images: Sequence[bytes], gallery_versions: Sequence[int]
    ) -> list[Recognition | UndecodableImage]:
        """As `recognize`, with the faces of all images embedded at once; an image's error takes the answer's place.

        The stages of all are those of each.
        """
        with self._timing() as journey:
            pictures = [_opened(image) for image in images]
            ended("decode")
            faces = iter(self._engine.faces_of_many([each for each in pictures if isinstance(each, Picture)]))
            found = [
                self._recognition(next(faces), version) if isinstance(picture, Picture) else picture
                for picture, version in zip(pictures, gallery_versions, strict=True)
            ]
        return [self._told(each, journey) if isinstance(each, Recognition) else each for each in found]

    def check(self) -> None:
        """Real inference, on the probe. Raises ProbeFailed, CannotRun."""
        self._probe.check()

    def examine(self, photo: bytes, gallery_version: int, count: int) -> Examination:
        """Every face of a photograph with its `count` nearest persons. Raises UndecodableImage."""
        picture = Picture(photo)
        candidates = self._gallery.at_least(gallery_version)
        faces = tuple(
            Examined(face, tuple(nearest(face.embedding, candidates, count)), _crop(picture, face.box))
            for face in self._engine.faces_of_many([picture])[0]
        )
        return Examination(faces, self.release, self._engine.space, self._rules.threshold, self._rules.margin)

    def try_out(self, people: Sequence[TrialPerson], frames: Sequence[bytes]) -> Trial:
        """Frames with a gallery of their own, after the probe. Raises UndecodableImage, ProbeFailed, CannotRun."""
        self._probe.check()
        return try_out(self._engine, self._rules, people, frames)

    def replay(self, image: bytes, gallery_version: int) -> TrialFrame:
        """A frame with everybody who is enrolled, `who` as ids. Raises UndecodableImage."""
        return answered(self._engine, self._rules, self._gallery.at_least(gallery_version), image)

    def _recognition(self, faces: list[Face], gallery_version: int) -> Recognition:
        candidates = self._candidates(gallery_version)
        identities = tuple(identify(faces, candidates, self._rules))
        ended("match")
        return Recognition(identities, self.release, sureness=tuple(sureness(each, self._rules) for each in identities))

    def _candidates(self, gallery_version: int) -> Candidates:
        is_behind = self._gallery.version < gallery_version
        candidates = self._gallery.at_least(gallery_version)
        if is_behind:
            ended("refresh")
        return candidates

    @contextmanager
    def _timing(self) -> Iterator[Journey | None]:
        if not self._timed:
            yield None
            return
        with begun() as journey:
            yield journey

    def _told(self, found: Recognition, journey: Journey | None) -> Recognition:
        """With the stages that it took."""
        return replace(found, stages=tuple(journey.stages), replica=self.replica) if journey else found


def _opened(image: bytes) -> Picture | UndecodableImage:
    try:
        return Picture(image)
    except UndecodableImage as error:
        return error


def _crop(picture: Picture, box: Box) -> bytes:
    """A JPEG of the face with half its size around it on each side; `box` is in pixels of the file."""
    picture.refine(2 * max(box.width, box.height) / CROP_SIDE)
    image, one = picture.image, 1 / picture.reduction
    height, width = image.shape[:2]
    left, top = max(0, int((box.x - box.width / 2) * one)), max(0, int((box.y - box.height / 2) * one))
    right = min(width, int((box.x + box.width * 1.5) * one) + 1)
    bottom = min(height, int((box.y + box.height * 1.5) * one) + 1)
    cut = image[top:bottom, left:right]
    scale = min(1.0, CROP_SIDE / max(cut.shape[:2]))
    small = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else cut
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
