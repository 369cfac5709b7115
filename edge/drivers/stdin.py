"""Lines on standard input."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator, Sequence
from threading import Event

import structlog

from edge.trigger import Firing

log = structlog.get_logger(__name__)

_STOP_CHECK_S = 0.2
_READ_BYTES = 4096
_LONGEST_LINE = 256
"""Bytes; a camera's id has 64 at the most."""


class StdinTrigger:
    """Fires for each line: an empty one for all cameras, a camera's id for that one. Ends at the end of the input."""

    def __init__(self, cameras: Sequence[str], descriptor: int = 0) -> None:
        """Read from an open file descriptor, which stays open."""
        self._cameras = tuple(cameras)
        self._descriptor = descriptor

    def firings(self, stop: Event) -> Iterator[Firing]:
        for line, at_s in self._lines(stop):
            name = line.decode("utf-8", "replace").strip()
            if not name or name in self._cameras:
                yield Firing("manual", at_s, (name,) if name else self._cameras)
            else:
                log.warning("stdin.camera_unknown", line=name[:80], known=self._cameras)

    def close(self) -> None:
        """The descriptor is not ours to close."""

    def _lines(self, stop: Event) -> Iterator[tuple[bytes, float]]:
        rest = b""
        while not stop.is_set():
            # A line cannot be waited for without a limit: nothing would wake the read when the box stops.
            if not select.select([self._descriptor], [], [], _STOP_CHECK_S)[0]:
                continue
            read = os.read(self._descriptor, _READ_BYTES)
            at_s = time.monotonic()
            *lines, rest = (rest + read).split(b"\n")
            yield from ((line, at_s) for line in lines)
            if not read:
                if rest:
                    yield rest, at_s
                log.info("stdin.ended")
                return
            # The start of an endless line is enough to find it unknown.
            rest = rest[:_LONGEST_LINE]
