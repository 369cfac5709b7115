"""A JPEG's segments, without decoding it: its size, and whether it is whole.

Every frame pays for this, and Pillow, which reads the metadata as well, takes five times as long.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from io import BytesIO

from PIL import Image

START = b"\xff\xd8"
START_OF_SCAN = 0xDA
END_OF_IMAGE = 0xD9
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF markers: those three in between define tables, an extension and arithmetic coding."""

APP1 = 0xE1
METADATA = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""APP1 to APP13, APP15 and comments. JFIF's APP0 stays, and Adobe's APP14, which says how colours are coded."""

ORIENTATION = 0x0112
_EXIF = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0%b\0\0\0\0\0\0"
"""APP1 with one entry, the orientation (EXIF 2.3, 4.6.2)."""

STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""TEM and restart markers: no length follows, and a decoder goes on right behind them."""

MOST_SEGMENTS = 5_000
"""A colour profile may take 255, a progressive image some dozens; millions would keep a gateway busy for seconds."""

_MARKER = re.compile(rb"\xff++([^\x00\xff])", re.DOTALL)
"""A marker behind its fill bytes; FF 00 is none."""

_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""A marker that ends a scan: inside one FF is escaped by 00, or is a restart marker."""


def size(content: bytes) -> tuple[int, int] | None:
    """Width and height from the frame header (ITU T.81, B.2.2); None for what is no JPEG or has none.

    A second picture behind a telephone's JPEG is ignored.
    """
    for marker, at in segments(content):
        if marker in FRAME_HEADERS and at + 9 <= len(content):
            height, width = struct.unpack_from(">HH", content, at + 5)
            return (width, height) if width and height else None
        if marker == START_OF_SCAN:
            return None
    return None


def whole(content: bytes) -> bool:
    """Whether the end of the image is there; what stands behind it does not matter."""
    return any(marker == END_OF_IMAGE for marker, _ in segments(content))


def segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Each segment's marker and where it stands (ITU T.81, B.1); the end of the image is the last of a whole file.

    A thumbnail inside a segment is skipped with it, and the coded pixels behind a start of scan are skipped too. What
    a decoder would read otherwise ends it: a picture must not be larger there than it is here.
    """
    behind = 2 if content.startswith(START) else len(content)
    for _ in range(MOST_SEGMENTS):
        found = _MARKER.match(content, behind)
        if found is None:
            return
        marker, at = content[found.start(1)], found.start(1) - 1
        yield marker, at
        behind = at + 2
        if marker in STANDALONE:
            continue
        if marker == END_OF_IMAGE or at + 4 > len(content):
            return
        behind += int.from_bytes(content[at + 2 : at + 4])
        if marker == START_OF_SCAN:
            end = _SCAN_END.search(content, behind)
            if end is None:
                return
            behind = end.start()


def without_metadata(content: bytes) -> bytes | None:
    """The same picture, coded as it was, with nothing behind its end and no metadata but how it is turned.

    None for what is no whole JPEG.
    """
    found = list(segments(content))
    if not found or found[-1][0] != END_OF_IMAGE:
        return None
    ends = [at for _, at in found[1:]] + [found[-1][1] + 2]
    turned = orientation(content)
    parts = [START, b"" if turned == 1 else _EXIF % struct.pack("<H", turned)]
    parts += [content[at:end] for (marker, at), end in zip(found, ends, strict=True) if marker not in METADATA]
    return b"".join(parts)


def orientation(content: bytes) -> int:
    """How the picture is turned by its EXIF block, 1 to 8; 1 is upright, and what is said where there is none."""
    for marker, at in segments(content):
        if marker == START_OF_SCAN:
            break
        if marker == APP1 and content[at + 4 : at + 10] == b"Exif\0\0":
            try:
                with Image.open(BytesIO(content), formats=("JPEG",)) as image:
                    said = image.getexif().get(ORIENTATION)
            except (OSError, SyntaxError, ValueError, struct.error, KeyError):  # a damaged block says nothing
                return 1
            return said if isinstance(said, int) and 1 <= said <= 8 else 1
    return 1
