"""How many frames were posted, by second and camera group, counted in memory: a post pays a dictionary look-up."""

from __future__ import annotations

import struct
import time
import uuid
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from threading import Lock

BINS = 60
EVERYBODY = "all"
"""The group of every camera, and with patterns of those that fit none."""

NOT_RECORDED = 2**32 - 1
"""In the place of a count: nobody was there to count."""

_LAYOUT = struct.Struct(f"<{2 * BINS}I")


@dataclass(slots=True)
class Sixty:
    """Sixty bins of `step` seconds from `start` on (epoch seconds) of one camera group, by one process (`source`)."""

    start: int
    step: int
    group: str
    source: str
    admitted: list[int] = field(default_factory=lambda: [0] * BINS)
    refused: list[int] = field(default_factory=lambda: [0] * BINS)

    def packed(self) -> bytes:
        """32-bit counts, deflated: a busy minute takes about 100 bytes, a quiet one 20."""
        return zlib.compress(_LAYOUT.pack(*self.admitted, *self.refused), 1)

    @classmethod
    def unpacked(cls, start: int, step: int, group: str, source: str, counts: bytes) -> Sixty:
        """The other way. Raises ValueError for other bytes."""
        try:
            both = _LAYOUT.unpack(zlib.decompress(counts))
        except (zlib.error, struct.error) as error:
            raise ValueError(f"the counts of {group} from {start} on are damaged: {error}") from error
        return cls(start, step, group, source, list(both[:BINS]), list(both[BINS:]))


class LoadCounts:
    """Of one gateway process; safe to share between threads. `clock` is epoch seconds and may jump.

    `patterns` are the camera groups, the first that fits a camera has it.
    """

    def __init__(self, patterns: Sequence[str] = (), clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._source = uuid.uuid4().hex[:16]
        self._minutes: dict[tuple[int, str, str], Sixty] = {}
        self._changed: set[tuple[int, str, str]] = set()
        self._written_to = 0
        # Senders choose their cameras' names, so not all that ever came are remembered.
        self._group = lru_cache(maxsize=4096)(lambda camera: group_of(camera, patterns))

    def note(self, camera_id: str, *, refused: bool = False) -> None:
        """A frame was posted now."""
        with self._lock:
            second, minute = self._place(self._group(camera_id))
            counts = minute.refused if refused else minute.admitted
            counts[second] += 1

    def changed(self) -> list[Sixty]:
        """The minutes that have to be written; the present one also when nobody posted, which is recorded too.

        They stay until `written` is told of them.
        """
        with self._lock:
            self._place(EVERYBODY)
            changed, self._changed = self._changed, set()
            rows = [self._minutes[key] for key in changed]
            return [Sixty(r.start, r.step, r.group, r.source, list(r.admitted), list(r.refused)) for r in rows]

    def written(self, rows: Sequence[Sixty]) -> None:
        """They are on disk; those of minutes that are over are forgotten."""
        with self._lock:
            now = self._clock()
            for row in rows:
                key = _key(row)
                if row.start + BINS <= now and key not in self._changed:
                    self._minutes.pop(key, None)
                    self._written_to = max(self._written_to, row.start)

    def not_written(self, rows: Sequence[Sixty], most: int) -> int:
        """They are to be written again; of more than `most` the oldest are given up. How many were."""
        with self._lock:
            self._changed |= {_key(row) for row in rows}
            given_up = sorted(self._changed)[: max(0, len(self._changed) - most)]
            for key in given_up:
                self._changed.discard(key)
                self._minutes.pop(key, None)
            return len(given_up)

    def _place(self, group: str) -> tuple[int, Sixty]:
        now = int(self._clock())
        start = now - now % BINS
        if start <= self._written_to:  # the clock went back to a minute that is on disk: it may not be overwritten
            self._source, self._written_to = uuid.uuid4().hex[:16], 0
        key = (start, group, self._source)
        self._changed.add(key)
        if key not in self._minutes:
            self._minutes[key] = Sixty(start, 1, group, self._source)
        return now - start, self._minutes[key]


def group_of(camera_id: str, patterns: Sequence[str]) -> str:
    """The first pattern that fits, or everybody's group."""
    return next((pattern for pattern in patterns if fnmatchcase(camera_id, pattern)), EVERYBODY)


def _key(row: Sixty) -> tuple[int, str, str]:
    return row.start, row.group, row.source
