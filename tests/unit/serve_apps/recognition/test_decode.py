from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from samples.frames import EXIF_ORIENTATION
from serve_apps.faces import UndecodableImage
from serve_apps.recognition.decode import decode

RED_BGR = (0, 0, 255)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def red_over_blue() -> Image.Image:
    image = Image.new("RGB", (40, 60), "blue")
    image.paste("red", (0, 0, 40, 30))
    return image


def is_near(pixel: Any, colour: tuple[int, int, int], by: int = 60) -> bool:
    return bool(np.all(np.abs(pixel.astype(int) - colour) <= by))


TURNS = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", TURNS)
def test_a_frame_is_turned_upright_as_its_exif_says(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    lying = red_over_blue().transpose(TURNS[orientation])

    image = decode(encoded(lying, kind, exif=exif))

    assert image.shape == (60, 40, 3)
    assert is_near(image[5, 20], RED_BGR)
    assert is_near(image[55, 20], (255, 0, 0))


def test_cmyk_keeps_its_colours() -> None:
    image = decode(encoded(Image.new("RGB", (32, 32), (220, 60, 30)).convert("CMYK"), "JPEG"))

    assert image.shape == (32, 32, 3)
    assert is_near(image[16, 16], (30, 60, 220))


def test_sixteen_bits_become_eight_without_losing_brightness() -> None:
    deep = Image.fromarray(np.full((20, 20), 0x8000, np.uint16))

    image = decode(encoded(deep, "PNG"))

    assert image.dtype == np.uint8
    assert is_near(image[10, 10], (128, 128, 128), by=2)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA"])
def test_grey_and_indexed_images_get_three_channels(mode: str) -> None:
    grey = Image.new("L", (20, 20), 255).convert(mode)

    assert is_near(decode(encoded(grey, "PNG"))[10, 10], (255, 255, 255), by=2)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_alpha_is_dropped_and_the_colours_stay(kind: str) -> None:
    image = decode(encoded(Image.new("RGBA", (20, 20), (255, 0, 0, 128)), kind))

    assert image.shape == (20, 20, 3)
    assert is_near(image[10, 10], RED_BGR, by=10)


def test_html_behind_a_jpeg_changes_nothing() -> None:
    content = encoded(red_over_blue(), "JPEG")

    assert np.array_equal(decode(content), decode(content + b"<html></html>"))


@given(st.binary(max_size=200))
def test_what_is_no_image_is_one_kind_of_error(content: bytes) -> None:
    with pytest.raises(UndecodableImage):
        decode(content)
