"""The files of a spool that is open: written, read, removed and set aside one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from edge.camera import Frame
from edge.errors import Problem
from edge.spool.disk import Disk, put_durably
from edge.spool.entry import Entry
from edge.spool.folder import DAMAGED, NO_ROOM, REFUSED, file_name, unusable
from edge.spool.frame_file import decode
from edge.spool.key import SpoolKey
from edge.spool.set_aside import SetAside

log = structlog.get_logger(__name__)

_TRIES = 5


class SpoolFiles:
    """Writes one file at a time; everything else may happen meanwhile, in any thread."""

    def __init__(self, folder: Path, last_number: int, keep_aside: int, key: SpoolKey | None, disk: Disk) -> None:
        self._folder = folder
        self._last_number = last_number
        self._key = key
        self._disk = disk
        self._damaged = SetAside(folder / DAMAGED, keep_aside, disk)
        self._refused = SetAside(folder / REFUSED, keep_aside, disk)

    def put(self, frame_id: str, data: bytes, make_room: Callable[[], bool]) -> tuple[int, Path]:
        """Have a frame on disk; return its number and file.

        Where the disk is full, `make_room` is asked to drop something and tells whether it did. Each try has a number
        and so a file of its own. Raises SpoolUnusable.
        """
        for tries_left in reversed(range(_TRIES)):
            self._last_number += 1
            path = self._folder / file_name(self._last_number, frame_id)
            try:
                put_durably(self._disk, path.with_name(f".{path.name}.tmp"), path, data)
                return self._last_number, path
            except OSError as error:
                if error.errno not in NO_ROOM or not tries_left or not make_room():
                    raise unusable(self._folder, error) from error
                self._free_what_was_removed()
        raise AssertionError("the last try returns or raises")

    def read(self, entry: Entry) -> Frame:
        """Return the frame. Raises Damaged, SpoolUnusable for another key, OSError."""
        return decode(self._disk.read(entry.path), self._key)

    def remove(self, entry: Entry) -> None:
        """Remove a file. Where that fails it is back at the next start: delivered twice is still one event."""
        try:
            self._disk.unlink(entry.path)
        except OSError as error:
            log.error("spool.not_removed", file=entry.path.name, error=str(error))

    def set_damaged(self, entry: Entry, reason: str) -> None:
        self._damaged.put(entry.path, {"title": "damaged", "detail": reason})

    def set_refused(self, entry: Entry, reason: Problem) -> None:
        self._refused.put(entry.path, reason)

    def _free_what_was_removed(self) -> None:
        # A journal gives the blocks of removed files back when it has noted the removal.
        try:
            self._disk.fsync_folder(self._folder)
        except OSError as error:
            raise unusable(self._folder, error) from error
