"""What is let in: size while reading, type by content, pixels before decoding, and not too many at once."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from fastapi import Request
from PIL import Image, UnidentifiedImageError

from serve_apps.api.problems import Problem

Image.MAX_IMAGE_PIXELS = None  # our own limit is checked instead, and answers with a problem


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """`waiting`: requests that may be under way in one gateway; `body_seconds`: how long a sender may take."""

    body_bytes: int = 10_000_000
    pixels: int = 25_000_000
    waiting: int = 64
    body_seconds: float = 10.0


class Waiting:
    """Counts requests under way; the one too many is sent away before it costs anything."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises Problem 429 when every place is taken."""
        if self._now >= self._most:
            raise Problem(429, "too-many-waiting", f"{self._most} requests are waiting already; try again")
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1


async def read_body(request: Request, limits: AdmissionLimits) -> bytes:
    """The whole body. Raises Problem 413 as soon as it is too large, 408 when the sender is too slow."""
    too_large = Problem(413, "body-too-large", f"a body has at most {limits.body_bytes} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limits.body_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body_bytes:
                    raise too_large
    except TimeoutError:
        raise Problem(408, "sender-too-slow", f"the body did not arrive within {limits.body_seconds:.0f} s") from None
    return bytes(body)


def admit_image(content: bytes, limits: AdmissionLimits) -> None:
    """Let a JPEG, PNG or WebP through that is whole and not too large; nothing is decoded.

    Bytes behind the end of an image are ignored: they are never stored, shown or run. Raises Problem 415 or 422.
    """
    if not content:
        raise Problem(422, "empty-body", "the body is empty; send the image as the body")
    whole = _CHECKS.get(_kind(content))
    if whole is None:
        raise Problem(
            415, "unsupported-image", "the content is no JPEG, PNG or WebP image, whatever its name or header says"
        )
    truncated = Problem(422, "truncated-image", "the image ends too early")
    if whole is _whole_webp and not whole(content):
        raise truncated  # Pillow cannot read the header of a WebP that is cut short
    width, height = _jpeg_size(content) if whole is _whole_jpeg else _size(content)
    if width * height > limits.pixels:
        raise Problem(422, "too-many-pixels", f"{width} x {height} pixels; at most {limits.pixels} are accepted")
    if not whole(content):
        raise truncated


_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF markers: those three in between define tables, an extension and arithmetic coding."""
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""A marker that ends a scan: inside one FF is escaped by 00, or is a restart marker."""


def _kind(content: bytes) -> str:
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else ""


def _size(content: bytes) -> tuple[int, int]:
    """Width and height from the header; Pillow decodes nothing before it is asked to."""
    try:
        with Image.open(BytesIO(content), formats=("PNG", "WEBP")) as image:
            if getattr(image, "is_animated", False):
                raise Problem(422, "animated-image", "a frame is one picture; this file is animated")
            return image.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, struct.error, IndexError):
        raise _unreadable() from None


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Width and height from the frame header (ITU T.81, B.2.2).

    Every frame of a door's pays for this, and Pillow, which reads the metadata as well, takes five times as long.
    A second picture behind a telephone's JPEG is ignored.
    """
    for marker, at in _jpeg_segments(content):
        if marker in _FRAME_HEADERS and at + 9 <= len(content):
            height, width = struct.unpack_from(">HH", content, at + 5)
            if width and height:
                return width, height
        if marker == _START_OF_SCAN:
            break
    raise _unreadable()


def _unreadable() -> Problem:
    return Problem(422, "undecodable-image", "the image's header cannot be read")


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Each segment's marker and where it stands (ITU T.81, B.1); the end of the image is the last of a whole file.

    A thumbnail inside a segment is skipped with it, and the coded pixels behind a start of scan are skipped too.
    """
    at = 2
    while at + 2 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        yield marker, at
        if marker == _END_OF_IMAGE or at + 4 > len(content):
            return
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
        if marker == _START_OF_SCAN:
            behind = _SCAN_END.search(content, at)
            if behind is None:
                return
            at = behind.start()


def _whole_jpeg(content: bytes) -> bool:
    return any(marker == _END_OF_IMAGE for marker, _ in _jpeg_segments(content))


def _whole_png(content: bytes) -> bool:
    """An empty IEND chunk, the last one of every PNG."""
    return b"\x00\x00\x00\x00IEND\xaeB\x60\x82" in content


def _whole_webp(content: bytes) -> bool:
    """As many bytes as the RIFF header promises."""
    return len(content) >= 8 + int(struct.unpack_from("<I", content, 4)[0])


_CHECKS = {"jpeg": _whole_jpeg, "png": _whole_png, "webp": _whole_webp}
