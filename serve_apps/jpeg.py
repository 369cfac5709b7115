"""A JPEG's segments, without decoding it: its size, and whether it is whole.

Every frame pays for this, and Pillow, which reads the metadata as well, takes five times as long.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

START = b"\xff\xd8"
START_OF_SCAN = 0xDA
END_OF_IMAGE = 0xD9
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF markers: those three in between define tables, an extension and arithmetic coding."""

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

    A thumbnail inside a segment is skipped with it, and the coded pixels behind a start of scan are skipped too.
    """
    at = 2
    while content.startswith(START) and at + 2 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        yield marker, at
        if marker == END_OF_IMAGE or at + 4 > len(content):
            return
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
        if marker == START_OF_SCAN:
            behind = _SCAN_END.search(content, at)
            if behind is None:
                return
            at = behind.start()
