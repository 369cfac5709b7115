from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from serve_apps import jpeg


def encoded(size: tuple[int, int] = (120, 70), **options: bool) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 60).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_the_header_tells_width_and_height(options: dict[str, bool]) -> None:
    assert jpeg.size(encoded(**options)) == (120, 70)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\xff\xd8" + b"\xff" * 10, b"\x89PNG" * 9])
def test_a_header_that_cannot_be_followed_tells_nothing(content: bytes) -> None:
    assert jpeg.size(content) is None
    assert not jpeg.whole(content)


def test_a_size_of_nothing_is_no_size() -> None:
    content = bytearray(encoded())
    at = next(at for marker, at in jpeg.segments(bytes(content)) if marker in jpeg.FRAME_HEADERS)
    content[at + 5 : at + 7] = b"\x00\x00"

    assert jpeg.size(bytes(content)) is None


def test_a_jpeg_is_whole_up_to_its_last_marker_and_no_earlier() -> None:
    content = encoded()

    assert jpeg.whole(content + b"<html>")
    assert not any(jpeg.whole(content[:length]) for length in range(len(content) - 1))


def hidden(standalone: int, small: bytes, large: bytes) -> bytes:
    """`large`, as a decoder reads it; whoever reads a length behind the first marker reads `small`'s header instead."""
    first = bytearray(b"\xff\xfe\xff\xff" + bytes(65_533))
    landing = 0xFFFE + 2 - 2  # the comment's own marker read as a length, counted from the comment
    first[landing : landing + 4] = b"\xff\xe0\x00\x40"
    header = small[2 : small.index(b"\xff\xda")] + b"\xff\xd9"
    inside = bytes(landing + 2 + 0x40 - len(first) - 4) + header
    second = b"\xff\xfe" + (2 + len(inside)).to_bytes(2) + inside
    return b"\xff\xd8\xff" + bytes([standalone]) + bytes(first) + second + large[2:]


@pytest.mark.parametrize("standalone", [0x00, 0x01, 0xD0, 0xD7])
def test_a_marker_without_a_length_hides_no_larger_picture(standalone: int) -> None:
    content = hidden(standalone, encoded(), encoded((240, 200)))
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)

    assert decoded.shape == (200, 240, 3)
    assert jpeg.size(content) in (None, (240, 200))


def test_fill_bytes_before_a_marker_are_passed_over() -> None:
    content = encoded()

    assert jpeg.size(content[:2] + b"\xff" * 9 + content[2:]) == (120, 70)
    assert jpeg.whole(content[:-2] + b"\xff" * 9 + content[-2:])


def test_segments_without_end_are_given_up() -> None:
    content = encoded()
    start = content.index(b"\xff\xda")

    for many in (b"\xff\xe1\x00\x02", b"\xff\x01", b"\xff\xda\x00\x02"):
        assert sum(1 for _ in jpeg.segments(content[:start] + many * 20_000 + content[start:])) <= jpeg.MOST_SEGMENTS


@pytest.mark.parametrize("turned", [1, 6])
def test_a_picture_without_metadata_has_the_same_pixels_upright(turned: int) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112], exif[0x010F] = turned, "a camera of somebody's"
    Image.effect_noise((120, 70), 60).save(buffer, "JPEG", exif=exif, comment=b"at home")
    content = buffer.getvalue() + b"behind the end"
    bare = jpeg.without_metadata(content)
    assert bare is not None
    assert not any(said in bare for said in (b"somebody", b"at home", b"behind the end"))
    before, after = (cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR) for each in (content, bare))
    assert np.array_equal(before, after)
    assert before.shape == ((70, 120, 3) if turned == 1 else (120, 70, 3))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_picture_that_is_cut_short_or_has_a_damaged_block_is_no_error(options: dict[str, bool]) -> None:
    content = encoded(**options)
    assert jpeg.without_metadata(content) == content
    assert jpeg.without_metadata(content[:-2]) is None
    damaged = content[:2] + b"\xff\xe1\x00\x10Exif\0\0MM\0\x2a\xff\xff\xff\xff" + content[2:]
    assert jpeg.without_metadata(damaged) == content
