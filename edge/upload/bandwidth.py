"""Sends no faster than it may, so that a door leaves the line to others. Pure: clock and sleep are arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator

LARGEST_PIECE = 16_384
_PIECES_PER_SECOND = 8
_SMALLEST_PIECE = 512


class Bucket:
    """A token bucket of `bytes_per_second`, which saves up one second's worth while nothing is sent."""

    def __init__(self, bytes_per_second: int, now_s: float) -> None:
        self.bytes_per_second = bytes_per_second
        self._saved = float(bytes_per_second)
        self._at_s = now_s

    def pause_s(self, size: int, now_s: float) -> float:
        """Take so many bytes out; return the seconds to wait before they may be sent."""
        saved = self._saved + max(0.0, now_s - self._at_s) * self.bytes_per_second
        self._saved = min(saved, float(self.bytes_per_second)) - size
        self._at_s = now_s
        return max(0.0, -self._saved / self.bytes_per_second)


def paced(
    content: bytes, bucket: Bucket, clock: Callable[[], float], sleep: Callable[[float], object]
) -> Iterator[bytes]:
    """Yield the content in pieces, each at its time; the slower the line, the smaller the pieces."""
    size = min(LARGEST_PIECE, max(_SMALLEST_PIECE, bucket.bytes_per_second // _PIECES_PER_SECOND))
    for start in range(0, len(content), size):
        piece = content[start : start + size]
        if (pause_s := bucket.pause_s(len(piece), clock())) > 0:
            sleep(pause_s)
        yield piece
