"""A bounded disk queue that survives a power cut at any byte.

One file a frame, named by arrival. A file under its final name is complete: it was written under a temporary name,
fsynced, renamed, and the folder fsynced. Until then the frame does not count as taken.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Lock
from types import TracebackType

import structlog

from edge.camera import Frame
from edge.errors import Damaged, FrameTooLarge, Problem, SpoolBusy, SpoolUnusable
from edge.frame_file import decode, encode
from edge.set_aside import SetAside

log = structlog.get_logger(__name__)

DAMAGED = "damaged"
REFUSED = "refused"
_FILE_NAME = re.compile(r"(\d{12})-([0-9a-f-]{36})\.frame")


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """How much may wait, and how many files each of `damaged/` and `refused/` keeps beside that."""

    max_bytes: int = 1 << 30
    max_frames: int = 10_000
    max_set_aside: int = 100


DEFAULT_LIMITS = SpoolLimits()


@dataclass(frozen=True, slots=True)
class Entry:
    """A frame on disk; `captured_s` is the monotonic clock at capture, None for a frame of an earlier process."""

    number: int
    frame_id: str
    path: Path
    size: int
    captured_s: float | None = None


def entries_in(folder: Path) -> list[Entry]:
    """Return what waits in a spool folder, oldest first. Needs no lock. Raises SpoolUnusable."""
    try:
        named = [(name, file) for file in folder.iterdir() if (name := _FILE_NAME.fullmatch(file.name))]
        found = [Entry(int(name[1]), name[2], file, _size(file)) for name, file in named if file.is_file()]
    except OSError as error:
        raise _unusable(folder, error) from error
    return sorted(found, key=lambda entry: entry.number)


class Spool:
    """The queue between capture and upload; one thread may take while another one empties it."""

    def __init__(self, folder: Path, limits: SpoolLimits = DEFAULT_LIMITS) -> None:
        """Open the folder, make it where it is missing. Raises SpoolBusy, SpoolUnusable."""
        self.limits = limits
        self.dropped = 0
        self.damaged = 0
        self._folder = folder
        self._lock = _locked(folder)
        for leftover in folder.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        self._entries = {entry.number: entry for entry in entries_in(folder)}
        self._bytes = sum(entry.size for entry in self._entries.values())
        self._last_number = max(self._entries, default=0)
        self._damaged = SetAside(folder / DAMAGED, limits.max_set_aside)
        self._refused = SetAside(folder / REFUSED, limits.max_set_aside)
        self._taking = Lock()
        self._changed = Condition()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._entries)

    def close(self) -> None:
        """Let another agent have the folder."""
        os.close(self._lock)

    def take(self, frame: Frame, captured_s: float | None = None) -> list[Entry]:
        """Keep a frame; it is on disk when this returns. Returns what had to go for it, oldest first.

        Raises FrameTooLarge, SpoolUnusable.
        """
        data = encode(frame)
        if len(data) > self.limits.max_bytes:
            raise FrameTooLarge(f"a frame of {len(data)} bytes exceeds the whole spool", "raise spool.max_bytes")
        with self._taking:
            gone = self._make_room(len(data))
            number = self._last_number = self._last_number + 1
            path = self._folder / f"{number:012d}-{frame.frame_id}.frame"
            _write_durably(path, data)
            with self._changed:
                self._entries[number] = Entry(number, frame.frame_id, path, len(data), captured_s)
                self._bytes += len(data)
                self._changed.notify_all()
        return gone

    def oldest(self) -> tuple[Entry, Frame] | None:
        """Return the frame that waits longest, its checksum verified; damaged files are set aside on the way."""
        while (entry := self._first()) is not None:
            try:
                return entry, decode(entry.path.read_bytes())
            except (Damaged, OSError) as error:
                self._set_damaged(entry, str(error))
        return None

    def done(self, entry: Entry) -> None:
        """Forget a frame that was delivered. Raises SpoolUnusable."""
        if self._forget(entry):
            self._unlink(entry)

    def refuse(self, entry: Entry, reason: Problem) -> None:
        """Set a frame aside that the gateway will never accept."""
        if self._forget(entry):
            self._refused.put(entry.path, reason)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Block until the condition holds; it is asked again after every change and every `wake`."""
        with self._changed:
            self._changed.wait_for(condition)

    def wake(self) -> None:
        """Have every waiting thread ask its condition again."""
        with self._changed:
            self._changed.notify_all()

    def _make_room(self, size: int) -> list[Entry]:
        gone = []
        while (oldest := self._first()) is not None and not self._fits(size):
            if self._forget(oldest):
                self._unlink(oldest)
                self.dropped += 1
                gone.append(oldest)
                log.error("spool.dropped_oldest", frame_id=oldest.frame_id, dropped=self.dropped)
        return gone

    def _fits(self, size: int) -> bool:
        return len(self._entries) < self.limits.max_frames and self._bytes + size <= self.limits.max_bytes

    def _set_damaged(self, entry: Entry, reason: str) -> None:
        # A frame dropped for room while it was read is missing, not damaged.
        if self._forget(entry):
            self.damaged += 1
            log.error("spool.damaged", file=entry.path.name, reason=reason, damaged=self.damaged)
            self._damaged.put(entry.path, {"title": "damaged", "detail": reason})

    def _first(self) -> Entry | None:
        with self._changed:
            return next(iter(self._entries.values()), None)

    def _forget(self, entry: Entry) -> bool:
        with self._changed:
            known = self._entries.pop(entry.number, None) is not None
            self._bytes -= entry.size if known else 0
            self._changed.notify_all()
        return known

    def _unlink(self, entry: Entry) -> None:
        try:
            entry.path.unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(self._folder, error) from error


def _locked(folder: Path) -> int:
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            _fsync_folder(folder.parent)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise SpoolBusy(f"another agent works on the spool {folder}", "stop it, or name another folder") from error
    return lock


def _write_durably(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        _fsync_folder(path.parent)
    except OSError as error:
        # A disk that refuses to write may refuse to remove as well; the next open clears what stays.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _unusable(path.parent, error) from error


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(file: Path) -> int:
    # A running agent removes files while `spool list` looks at them.
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _unusable(folder: Path, error: OSError) -> SpoolUnusable:
    return SpoolUnusable(f"the spool {folder} cannot be used: {error.strerror or error}", "check disk and owner")
