from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from samples.frames import PHOTOS
from serve_apps.faces import Box, Face, Image, UndecodableImage
from serve_apps.gallery.index import search_of
from serve_apps.gallery.reembed import CannotEmbed, embed
from serve_apps.recognition.decode import Picture
from serve_apps.recognition.engine import YunetDlib
from serve_apps.recognition.match import MatchRules
from serve_apps.recognition.recognizer import Recognizer


class Sees:
    """An engine that finds these boxes; a face's embedding is its place in the list."""

    space = "places-1"
    batches = False

    def __init__(self, *boxes: Box) -> None:
        self.boxes = boxes

    def faces(self, image: Image) -> list[Face]:
        return [Face(box, 1.0, 1.0, 99.0, np.full(128, place, np.float32)) for place, box in enumerate(self.boxes)]

    def faces_of_many(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        return [self.faces(picture.image) for picture in pictures]


def picture(width: int, height: int) -> bytes:
    return cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8))[1].tobytes()


@pytest.mark.parametrize(("width", "height"), [(400, 200), (4_000, 2_000)])
def test_the_face_nearest_the_middle_is_the_enrolled_one(width: int, height: int) -> None:
    side = width / 4
    edge, middle, corner = Box(0, 0, side, side), Box(1.4 * side, 0.6 * side, side, side), Box(3 * side, side, 1, 1)

    assert embed(Sees(edge, middle, corner), picture(width, height))[0] == 1


def test_a_crop_without_a_face_cannot_be_embedded() -> None:
    with pytest.raises(CannotEmbed, match="no face"):
        embed(Sees(), picture(100, 100))


@pytest.mark.parametrize("content", [b"", b"no picture", picture(100, 100)[:20]])
def test_a_crop_that_is_no_picture_cannot_be_embedded(content: bytes) -> None:
    with pytest.raises(UndecodableImage):
        embed(Sees(Box(0, 0, 1, 1)), content)


class Nobody:
    version = 0

    def at_least(self, version: int) -> object:
        return search_of([])


def test_a_kept_crop_gives_nearly_the_embedding_of_its_photograph(engine: YunetDlib) -> None:
    photograph = sorted(PHOTOS.glob("*.jpg"))[0].read_bytes()
    examination = Recognizer(engine, Nobody(), MatchRules(), "release-1").examine(photograph, 0, 1)
    (examined,) = getattr(examination, "faces", examination)

    assert np.linalg.norm(embed(engine, examined.crop) - examined.face.embedding) < 0.3
