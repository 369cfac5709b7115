from __future__ import annotations

import io

import pytest
from PIL import Image

from serve_apps import jpeg


def encoded(**options: bool) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((120, 70), 60).save(buffer, "JPEG", **options)
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
