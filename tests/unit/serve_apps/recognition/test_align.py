from __future__ import annotations

from pathlib import Path

import dlib
import numpy as np
import pytest

from samples.frames import PHOTOS
from serve_apps.faces import Image
from serve_apps.recognition.align import cut
from serve_apps.recognition.decode import decode
from serve_apps.recognition.engine import YunetDlib


def chips(engine: YunetDlib, image: Image) -> tuple[Image, Image]:
    """Ours and dlib's."""
    place = engine.align.place(image, engine.detect(image)[0])
    return cut(image, place), dlib.extract_image_chip(np.ascontiguousarray(image[:, :, ::-1]), place)


@pytest.mark.parametrize("photo", sorted(PHOTOS.glob("*.jpg")), ids=lambda path: path.stem)
def test_a_chip_is_the_one_that_dlib_cuts(engine: YunetDlib, photo: Path) -> None:
    ours, theirs = chips(engine, decode(photo.read_bytes()))

    inside = theirs.any(axis=2)
    assert np.abs(ours.astype(int) - theirs)[inside].mean() < 2
    mine, dlibs = engine.embed([ours, theirs])
    assert np.linalg.norm(mine - dlibs) < 0.04


@pytest.mark.parametrize("times", [2, 4])
def test_a_chip_of_a_much_larger_face_is_the_one_that_dlib_cuts(engine: YunetDlib, times: int) -> None:
    small = decode((PHOTOS / "resident-1.jpg").read_bytes())

    ours, theirs = chips(engine, small.repeat(times, axis=0).repeat(times, axis=1))

    assert np.abs(ours.astype(int) - theirs).mean() < 2.5


def test_a_face_that_reaches_out_of_the_picture_is_cut_with_black_beyond(engine: YunetDlib) -> None:
    image = decode((PHOTOS / "resident-1.jpg").read_bytes())
    (face,) = engine.detect(image)
    left = int(face.box.x + face.box.width * 0.4)

    ours, theirs = chips(engine, np.ascontiguousarray(image[:, left:]))

    beyond = ~theirs.any(axis=2)
    assert beyond[:, 0].mean() > 0.9
    assert ours[beyond].mean() < 20
