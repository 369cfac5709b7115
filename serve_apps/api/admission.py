"""What is let in: size while reading, type by content, pixels before decoding, and not too many at once."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from fastapi import Request
from PIL import Image, UnidentifiedImageError

from serve_apps import jpeg
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

    @property
    def now(self) -> int:
        """How many are under way."""
        return self._now

    @contextmanager
    def place(self, refused: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Raises Problem 429 when every place is taken, after calling `refused`."""
        if self._now >= self._most:
            refused()
            raise Problem(429, "too-many-waiting", f"{self._most} requests are waiting already; try again")
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1


class Guesses:
    """How many wrong codes are heard: `most` at once, then one more in each `seconds`. `clock` is monotonic seconds.

    They are counted for everybody together, since who guesses has as many addresses as they like.
    """

    def __init__(self, most: int = 20, seconds: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._left = float(most)
        self._asked_at = clock()

    def take(self) -> None:
        """Raises Problem 429 when too many were wrong."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._asked_at) / self._seconds)
        self._asked_at = now
        if self._left < 1:
            raise Problem(429, "too-many-wrong-codes", "too many codes were wrong; try again in a moment")
        self._left -= 1

    def give_back(self) -> None:
        """It was none: the code was right."""
        self._left += 1


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
    width, height = (jpeg.size(content) if whole is jpeg.whole else _size(content)) or (0, 0)
    if not width:
        raise Problem(422, "undecodable-image", "the image's header cannot be read")
    if width * height > limits.pixels:
        raise Problem(422, "too-many-pixels", f"{width} x {height} pixels; at most {limits.pixels} are accepted")
    if not whole(content):
        raise truncated


def _kind(content: bytes) -> str:
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else ""


def _size(content: bytes) -> tuple[int, int] | None:
    """Width and height from the header, if it can be read; Pillow decodes nothing before it is asked to."""
    try:
        with Image.open(BytesIO(content), formats=("PNG", "WEBP")) as image:
            if getattr(image, "is_animated", False):
                raise Problem(422, "animated-image", "a frame is one picture; this file is animated")
            return image.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, struct.error, IndexError):
        return None


def _whole_png(content: bytes) -> bool:
    """An empty IEND chunk, the last one of every PNG."""
    return b"\x00\x00\x00\x00IEND\xaeB\x60\x82" in content


def _whole_webp(content: bytes) -> bool:
    """As many bytes as the RIFF header promises."""
    return len(content) >= 8 + int(struct.unpack_from("<I", content, 4)[0])


_CHECKS = {"jpeg": jpeg.whole, "png": _whole_png, "webp": _whole_webp}
