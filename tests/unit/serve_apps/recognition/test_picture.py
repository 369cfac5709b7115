from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from samples.frames import EXIF_ORIENTATION, PHOTOS, WALL
from serve_apps.faces import Box, UndecodableImage
from serve_apps.gallery.index import search_of
from serve_apps.recognition.decode import Picture, coarsest, decode
from serve_apps.recognition.engine import YunetDlib
from serve_apps.recognition.match import Candidates, MatchRules
from serve_apps.recognition.recognizer import Recognizer


def large(side: int | None, size: tuple[int, int] = (3000, 2400)) -> Image.Image:
    """A wall, and the resident's photograph on it, `side` pixels high."""
    frame = Image.new("RGB", size, WALL)
    if side is not None:
        with Image.open(PHOTOS / "resident-1.jpg") as opened:
            photo = opened.resize((opened.width * side // opened.height, side), Image.Resampling.LANCZOS)
        frame.paste(photo, (300, 200))
    return frame


def jpeg(image: Image.Image, orientation: int | None = None, **options: bool) -> bytes:
    buffer, exif = io.BytesIO(), Image.Exif()
    if orientation is not None:
        exif[EXIF_ORIENTATION] = orientation
    image.save(buffer, "JPEG", quality=92, exif=exif, **options)
    return buffer.getvalue()


def around(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.width, box.height


class Empty:
    version = 0

    def at_least(self, version: int) -> Candidates:
        return search_of([])


def test_a_large_jpeg_without_a_face_is_only_decoded_reduced(engine: YunetDlib) -> None:
    picture = Picture(jpeg(large(None)))

    assert engine.faces_of_many([picture]) == [[]]
    assert picture.reduction == 2
    assert picture.image.shape == (1200, 1500, 3)


def test_a_small_face_in_a_large_jpeg_is_aligned_from_full_resolution(engine: YunetDlib) -> None:
    content = jpeg(large(500))
    picture, full = Picture(content), decode(content)
    found = engine.find(picture)
    before = picture.reduction

    (chip,) = engine.chips(picture, found)

    assert (before, picture.reduction) == (2, 1)
    assert np.array_equal(chip, engine.align(full, found[0]))


def test_a_large_face_in_a_large_jpeg_needs_no_second_decoding(engine: YunetDlib) -> None:
    content = jpeg(large(2100))
    picture = Picture(content)

    (face,) = engine.faces_of_many([picture])[0]

    (in_full,) = engine.faces(decode(content))
    assert picture.reduction == 2
    assert np.linalg.norm(face.embedding - in_full.embedding) < 0.05
    assert around(face.box) == pytest.approx(around(in_full.box), abs=15)


def test_no_chip_shows_fewer_pixels_than_the_file_has(engine: YunetDlib) -> None:
    for side in (700, 1000, 1300, 1600):
        picture = Picture(jpeg(large(side)))
        found = engine.find(picture)
        engine.chips(picture, found)
        width = engine._places(picture, found)[0].rect.width()
        assert width >= 150 or picture.reduction == 1


@pytest.mark.parametrize(("orientation", "turn"), [(6, Image.Transpose.ROTATE_90), (3, Image.Transpose.ROTATE_180)])
@pytest.mark.parametrize("side", [500, 2100])
def test_a_large_jpeg_that_lies_has_its_faces_where_they_are_upright(
    engine: YunetDlib, orientation: int, turn: Image.Transpose, side: int
) -> None:
    frame = large(side)

    ((lying,), (upright,)) = engine.faces_of_many(
        [Picture(jpeg(frame.transpose(turn), orientation)), Picture(jpeg(frame))]
    )

    assert around(lying.box) == pytest.approx(around(upright.box), rel=0.05, abs=15)
    assert np.linalg.norm(lying.embedding - upright.embedding) < 0.2


@pytest.mark.parametrize(("side", "longest"), [(2100, 512), (500, 300)])
def test_a_crop_of_a_large_jpeg_has_as_many_pixels_as_it_may(engine: YunetDlib, side: int, longest: int) -> None:
    recognizer = Recognizer(engine, Empty(), MatchRules(), "release")

    (examined,) = recognizer.examine(jpeg(large(side)), 0, 1).faces

    assert max(decode(examined.crop).shape) >= longest


def test_a_large_png_is_decoded_in_full_at_once() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (2400, 1800), WALL).save(buffer, "PNG")

    assert Picture(buffer.getvalue()).image.shape == (1800, 2400, 3)


@pytest.mark.parametrize(("wanted", "offered"), [(0.2, 1), (1.99, 1), (2, 2), (7.9, 4), (100, 8)])
def test_a_reduction_is_never_coarser_than_wanted(wanted: float, offered: int) -> None:
    assert coarsest(wanted) == offered


def test_pictures_together_have_the_faces_that_each_has_alone(engine: YunetDlib) -> None:
    contents = [jpeg(large(700)), jpeg(large(None)), (PHOTOS / "courier-3.jpg").read_bytes()]

    together = engine.faces_of_many([Picture(content) for content in contents])

    for content, faces in zip(contents, together, strict=True):
        (alone,) = engine.faces_of_many([Picture(content)])
        assert [around(face.box) for face in faces] == [around(face.box) for face in alone]
        assert all(np.allclose(a.embedding, b.embedding, atol=1e-5) for a, b in zip(faces, alone, strict=True))
    assert [len(faces) for faces in together] == [1, 0, 1]


def test_one_undecodable_image_does_not_spoil_the_others(engine: YunetDlib) -> None:
    recognizer = Recognizer(engine, Empty(), MatchRules(), "release", timed=False)
    good = (PHOTOS / "courier-3.jpg").read_bytes()

    first, second, third = recognizer.recognize_many([good, b"no image", good], [0, 0, 0])

    assert isinstance(second, UndecodableImage)
    assert first == third == recognizer.recognize(good, 0)
