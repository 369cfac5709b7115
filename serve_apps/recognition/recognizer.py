"""What a replica does with one image: decode, detect, align, embed, match."""

from __future__ import annotations

from typing import Protocol

import cv2

from serve_apps.faces import Box, Examined, Image, Recognition
from serve_apps.recognition.decode import decode
from serve_apps.recognition.engine import Engine
from serve_apps.recognition.match import Candidates, MatchRules, identify, nearest

CROP_SIDE = 512
"""Longest side of a kept crop in pixels: enough for the 112 and 150 pixel chips of the embedders we know."""


class GalleryView(Protocol):
    """Candidates that can be brought up to date."""

    def at_least(self, version: int) -> Candidates:
        """The candidates as of the gallery's `version` or later."""


class Recognizer:
    """One engine with one gallery; used by one thread."""

    def __init__(self, engine: Engine, gallery: GalleryView, rules: MatchRules, release: str) -> None:
        self._engine = engine
        self._gallery = gallery
        self._rules = rules
        self._release = release

    def recognize(self, image: bytes, gallery_version: int) -> Recognition:
        """Who is in a frame. Raises UndecodableImage."""
        faces = self._engine.faces(decode(image))
        return Recognition(tuple(identify(faces, self._gallery.at_least(gallery_version), self._rules)), self._release)

    def examine(self, photo: bytes, gallery_version: int, count: int) -> list[Examined]:
        """Every face of a photograph with its `count` nearest persons. Raises UndecodableImage."""
        image = decode(photo)
        candidates = self._gallery.at_least(gallery_version)
        return [
            Examined(face, tuple(nearest(face.embedding, candidates, count)), _crop(image, face.box))
            for face in self._engine.faces(image)
        ]


def _crop(image: Image, box: Box) -> bytes:
    """A JPEG of the face with half its size around it on each side."""
    height, width = image.shape[:2]
    left, top = max(0, int(box.x - box.width / 2)), max(0, int(box.y - box.height / 2))
    right, bottom = min(width, int(box.x + box.width * 1.5) + 1), min(height, int(box.y + box.height * 1.5) + 1)
    cut = image[top:bottom, left:right]
    scale = min(1.0, CROP_SIDE / max(cut.shape[:2]))
    small = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else cut
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
