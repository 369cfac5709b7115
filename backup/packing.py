"""What lies in a range's chunks, before they are sealed.

Rows: each chunk is a msgpack list of rows, each a list of values in the order of the collection's columns. Values are
the same whatever engine they come from: integers, floats, text, bytes and None; moments as `YYYY-MM-DD HH:MM:SS.ffffff`
in UTC, truth as 0 and 1, JSON as its text.

Blobs: the first chunk is a msgpack list of [name, size, when it was last changed in microseconds since 1970]; the
others are their bytes, one blob behind the other. So whether a range of blobs has changed is told by its first chunk,
and a blob of any size is read a chunk at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from backup.errors import Damaged
from backup.manifest import Range

CHUNK_BYTES = 4 << 20
"""The most that a chunk holds before compression."""

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A blob in a range; `modified` is in microseconds since 1970 by the clock of where it lay."""

    name: str
    size: int
    modified: int


def pack_rows(rows: Sequence[Row]) -> Iterator[bytes]:
    """As few chunks as they fit in; a row that is larger than a chunk has one for itself."""
    packed: bytes = msgpack.packb(rows)
    if len(packed) <= CHUNK_BYTES or len(rows) == 1:
        yield packed
        return
    middle = len(rows) // 2
    yield from pack_rows(rows[:middle])
    yield from pack_rows(rows[middle:])


def unpack_rows(chunk: bytes) -> list[list[Any]]:
    """What was packed. Raises Damaged."""
    return _list_in(chunk)


def pack_index(entries: Iterable[Entry]) -> bytes:
    """The first chunk of a range of blobs."""
    packed: bytes = msgpack.packb([[entry.name, entry.size, entry.modified] for entry in entries])
    return packed


def unpack_index(chunk: bytes) -> list[Entry]:
    """What was packed. Raises Damaged."""
    try:
        return [Entry(*each) for each in _list_in(chunk)]
    except TypeError as error:
        raise Damaged("a list of blobs is none") from error


def cut(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in chunks as large as they may be."""
    held = bytearray()
    for part in parts:
        held += part
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)


def blobs_in(chunks: Iterator[bytes]) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """Each blob with its bytes in parts, which must be taken before the next blob. Raises Damaged."""
    entries, rest = unpack_index(next(chunks)), _Rest(chunks)
    for entry in entries:
        yield entry, rest.take(entry)
    if not rest.empty():
        raise Damaged("there are more bytes than the blobs have")


def check_range(kind: str, found: Range, chunks: Iterable[bytes]) -> None:
    """Whether these are as many rows or blobs, and as many bytes, as the range says. Raises Damaged."""
    count = size = listed = 0
    for number, chunk in enumerate(chunks):
        size += len(chunk)
        if kind == "rows":
            count += len(unpack_rows(chunk))
        elif number == 0:
            entries = unpack_index(chunk)
            count, listed = len(entries), len(chunk) + sum(entry.size for entry in entries)
    if count != found.count:
        raise Damaged(f"range '{found.key}' has {count} {kind} instead of {found.count}")
    if size != found.size or (kind == "blobs" and listed != size):
        raise Damaged(f"range '{found.key}' has {size} bytes instead of {found.size}")


class _Rest:
    """Bytes that were not taken yet, of chunks that follow each other."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")

    def take(self, entry: Entry) -> Iterator[bytes]:
        left = entry.size
        while left:
            if not self._held:
                self._held = memoryview(self._next(entry))
            part, self._held = self._held[:left], self._held[left:]
            left -= len(part)
            yield bytes(part)

    def empty(self) -> bool:
        return not self._held and next(self._chunks, None) is None

    def _next(self, entry: Entry) -> bytes:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise Damaged(f"{entry.name} ends before its {entry.size} bytes")
        return chunk


def _list_in(chunk: bytes) -> list[Any]:
    try:
        unpacked = msgpack.unpackb(chunk)
    except (ValueError, msgpack.UnpackException) as error:
        raise Damaged(f"a chunk cannot be read: {error}") from error
    if not isinstance(unpacked, list):
        raise Damaged("a chunk holds no list")
    return unpacked
