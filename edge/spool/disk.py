"""The few things the spool asks of a file system, in one place, so that a test can put a failing one there."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Disk:
    """The file system itself. Every method raises OSError."""

    def lock(self, path: Path) -> int:
        """Hold the file alone, over all processes, until `close`. Raises BlockingIOError where another has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def make_folder(self, folder: Path) -> None:
        """Make a folder and what is missing above it, each one's name on disk before the next."""
        missing = [each for each in (folder, *folder.parents) if not each.is_dir()]
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
            self.fsync_folder(each.parent)

    def names(self, folder: Path) -> list[str]:
        """Return what is in the folder; nothing where it is missing."""
        try:
            return os.listdir(folder)  # noqa: PTH208 - names, not ten thousand Path objects
        except FileNotFoundError:
            return []

    def head(self, path: Path, most: int) -> tuple[bytes, int]:
        """Return the first bytes of a file and its size."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return os.read(descriptor, most), os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def create(self, path: Path) -> int:
        """Open a file that must not exist yet, for writing."""
        return os.open(path, _NEW, 0o600)

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write some of the data; return how many bytes that were."""
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def rename(self, path: Path, to: Path) -> None:
        path.rename(to)

    def unlink(self, path: Path) -> None:
        """Remove a file; a missing one is no error."""
        path.unlink(missing_ok=True)

    def fsync_folder(self, folder: Path) -> None:
        """Have the names in the folder on disk."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


DISK = Disk()


def write_new(disk: Disk, path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file that must not exist yet. Raises OSError; what it then left must never be trusted.

    After a failed fsync the kernel may call the lost pages clean, and the next fsync of that file succeeds without
    them (https://lwn.net/Articles/752063/): a new try needs a new file.
    """
    descriptor = disk.create(path)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[disk.write(descriptor, rest) :]
        if durable:
            disk.fsync(descriptor)
    finally:
        disk.close(descriptor)


def put_durably(disk: Disk, temporary: Path, path: Path, data: bytes) -> None:
    """Have the data on disk under `path`, whole or not at all. Raises OSError, and tries to leave nothing then."""
    try:
        write_new(disk, temporary, data)
        disk.rename(temporary, path)
    except OSError:
        _remove(disk, temporary)
        raise
    try:
        disk.fsync_folder(path.parent)
    except OSError:
        _remove(disk, path)
        raise


def _remove(disk: Disk, path: Path) -> None:
    # A disk that refuses to write may refuse to remove as well; the next open clears what stays.
    with suppress(OSError):
        disk.unlink(path)
