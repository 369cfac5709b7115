"""A bounded disk queue that survives a power cut at any byte.

One file a frame, named by arrival. A file under its final name is complete: it was written under a temporary name,
fsynced, renamed, and the folder fsynced. Until then the frame does not count as taken.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType

import structlog

from edge.camera import Frame
from edge.errors import Damaged, FrameTooLarge, Problem, SpoolFull, SpoolUnusable
from edge.spool.disk import DISK, Disk
from edge.spool.entry import Entry
from edge.spool.eviction import rank
from edge.spool.files import SpoolFiles
from edge.spool.folder import DAMAGED, REFUSED, entries_in, open_folder
from edge.spool.frame_file import encode
from edge.spool.key import SpoolKey
from edge.spool.running_time import RunningTime
from edge.spool.waiting import Waiting

__all__ = ["DAMAGED", "DEFAULT_LIMITS", "REFUSED", "Entry", "Spool", "SpoolKey", "SpoolLimits", "entries_in"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """How much may wait, and for how long; how many files each of `damaged/` and `refused/` keeps beside that.

    A new frame is whole on disk before others go for it: for that moment there is one more than the limits say.
    """

    max_bytes: int = 1 << 30
    max_frames: int = 10_000
    max_set_aside: int = 100
    max_age_s: float | None = None


DEFAULT_LIMITS = SpoolLimits()


class Spool:
    """The queue between capture and upload; any thread may call anything.

    `dropped` counts by reason what had to go (`full`, `age`), `damaged` what was set aside because it is not what was
    written, `unreadable` what the disk would not give back, `torn` what was half written when the power went.
    """

    def __init__(
        self,
        folder: Path,
        limits: SpoolLimits = DEFAULT_LIMITS,
        *,
        key: SpoolKey | None = None,
        disk: Disk = DISK,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the folder, make it where it is missing. Raises SpoolBusy, SpoolUnusable."""
        opened = open_folder(folder, key, disk)
        self.limits = limits
        self.dropped: Counter[str] = Counter()
        self.damaged = 0
        self.unreadable = 0
        self.torn = opened.torn
        self._key = key
        self._disk = disk
        self._clock = clock
        self._lock: int | None = opened.lock
        self._running = RunningTime(folder, disk, opened.running_s, clock)
        self._waiting = Waiting(opened.entries)
        self._files = SpoolFiles(folder, opened.last_number, limits.max_set_aside, key, disk)
        # The first is held while a frame is written, and asked for by no other call.
        self._taking, self._counting = Lock(), Lock()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def bytes(self) -> int:
        """The size of all that waits."""
        return self._waiting.bytes

    def close(self) -> None:
        """Let another agent have the folder."""
        if self._lock is not None:
            if len(self):
                self._running.save()
            self._disk.close(self._lock)
            self._lock = None

    def take(self, frame: Frame, captured_s: float) -> Entry:
        """Keep a frame captured at this moment of the monotonic clock; it is on disk when this returns.

        Raises FrameTooLarge, SpoolFull where only frames worth more wait, SpoolUnusable.
        """
        with self._taking:
            self._housekeep()
            data = encode(frame, self._running.now_s(), self._key)
            if len(data) > self.limits.max_bytes:
                raise FrameTooLarge(f"a frame of {len(data)} bytes exceeds the whole spool", "raise spool.max_bytes")
            worth = rank(frame.face, frame.trigger)
            if self._victims(len(data), worth) is None:
                raise SpoolFull("the spool is full of frames worth more", "raise spool.max_bytes or max_frames")
            number, path = self._files.put(frame.frame_id, data, lambda: self._make_room(len(data), worth))
            self._drop(self._victims(len(data), worth) or [], "full")
            told = frame.frame_id, frame.camera_id, frame.trigger, frame.face
            entry = Entry(number, *told, path, len(data), captured_s)
            self._waiting.add(entry)
        return entry

    def entries(self) -> list[Entry]:
        """Return what waits, in order of arrival; what is too old goes first. Reads no disk."""
        self._housekeep()
        return self._waiting.all()

    def read(self, entry: Entry) -> Frame | None:
        """Return the frame, its checksum verified.

        None where it was dropped meanwhile, where it is damaged and was set aside, and where it cannot be read: then
        it stays on the disk for the next start.
        """
        try:
            return self._files.read(entry)
        except Damaged as error:
            if self._waiting.remove(entry):
                self.damaged += 1
                log.error("spool.damaged", file=entry.path.name, reason=str(error), damaged=self.damaged)
                self._files.set_damaged(entry, str(error))
        except (OSError, SpoolUnusable) as error:
            # A frame dropped for room while it was read is missing, not unreadable.
            if self._waiting.remove(entry):
                self.unreadable += 1
                log.error("spool.unreadable", file=entry.path.name, error=str(error), unreadable=self.unreadable)
        return None

    def done(self, entry: Entry) -> None:
        """Forget a frame that was delivered."""
        if self._waiting.remove(entry):
            self._files.remove(entry)

    def refuse(self, entry: Entry, reason: Problem) -> None:
        """Set a frame aside that the gateway will never accept."""
        if self._waiting.remove(entry):
            self._files.set_refused(entry, reason)

    def waited_s(self, entry: Entry) -> float:
        """Return how long a frame has waited, in seconds during which an agent ran."""
        if entry.captured_s is None:
            return entry.waited_s0 + self._running.since_open_s()
        return max(0.0, self._clock() - entry.captured_s)

    def oldest_s(self) -> float | None:
        """Return how long the oldest frame has waited, None where nothing waits."""
        oldest = self._waiting.oldest()
        return None if oldest is None else self.waited_s(oldest)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Block until the condition holds; it is asked again after every change and every `wake`."""
        self._waiting.wait_until(condition)

    def wake(self) -> None:
        """Have every waiting thread ask its condition again."""
        self._waiting.wake()

    def _victims(self, size: int, worth: int) -> list[Entry] | None:
        frames = len(self._waiting) + 1 - self.limits.max_frames
        return self._waiting.victims(worth, frames, self._waiting.bytes + size - self.limits.max_bytes)

    def _make_room(self, size: int, worth: int) -> bool:
        gone = self._waiting.victims(worth, 1, size)
        self._drop(gone or [], "full")
        return bool(gone)

    def _housekeep(self) -> None:
        self._drop(self._waiting.expired(self.waited_s, self.limits.max_age_s), "age")
        if len(self) and self._running.due():
            self._running.save()

    def _drop(self, entries: list[Entry], reason: str) -> None:
        for entry in entries:
            if self._waiting.remove(entry):
                with self._counting:
                    self.dropped[reason] += 1
                self._files.remove(entry)
                log.error("spool.dropped", reason=reason, frame_id=entry.frame_id, dropped=self.dropped[reason])
