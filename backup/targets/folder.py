"""A folder as a target: one file an object, whole or not there at all, and on the disk before `put` returns."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from backup.disk import sync_folder
from backup.errors import NoSuchObject, TargetFull, TargetRefused, TargetUnavailable
from backup.targets.names import check_name, is_name
from backup.targets.target import Stored

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EEXIST)
_ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
UNFINISHED = ".unfinished"
"""Where files lie until they are whole. What a killed process left there is removed by the next one."""


class FolderTarget:
    """Files below `folder`, readable by their owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cleared = False

    @property
    def place(self) -> str:
        return str(self._folder)

    def put(self, name: str, data: bytes) -> None:
        """Written beside, synced, renamed, the folder synced. A failed sync is never trusted: the file goes."""
        path = self._path(name)
        with self._translated(name):
            self._clear_once()
            self._make_folder(path.parent)
            unfinished = self._folder / UNFINISHED / f"{os.getpid()}-{secrets.token_hex(8)}"
            try:
                _write(unfinished, data)
                unfinished.replace(path)
            except BaseException:
                with suppress(OSError):
                    unfinished.unlink()
                raise
            sync_folder(path.parent)

    def get(self, name: str) -> bytes:
        path = self._path(name)
        with self._translated(name):
            try:
                return path.read_bytes()
            except _ABSENT:
                raise NoSuchObject(f"{self.place} has no {name}") from None

    def list(self, prefix: str = "") -> Iterator[Stored]:
        above = prefix.rpartition("/")[0]
        start = self._path(above) if above else self._folder
        with self._translated(prefix or "."):
            for stored in _walk(start, f"{above}/" if above else ""):
                if stored.name.startswith(prefix):
                    yield stored

    def delete(self, name: str) -> None:
        path = self._path(name)
        with self._translated(name), suppress(*_ABSENT):
            path.unlink()
            sync_folder(path.parent)

    def _path(self, name: str) -> Path:
        return self._folder / check_name(name)

    def _make_folder(self, folder: Path) -> None:
        """Make it and what is missing above it, each one's name on the disk before the next."""
        for each in reversed([each for each in (folder, *folder.parents) if not each.is_dir()]):
            each.mkdir(exist_ok=True, mode=0o700)
            sync_folder(each.parent)

    def _clear_once(self) -> None:
        """Remove what processes that ended have left unfinished."""
        if self._cleared:
            return
        self._make_folder(self._folder / UNFINISHED)
        for left in (self._folder / UNFINISHED).iterdir():
            if not _runs(left.name.partition("-")[0]):
                left.unlink(missing_ok=True)
        self._cleared = True

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            line = f"{self.place}/{name}: {error.strerror}"
            if error.errno in _FULL:
                raise TargetFull(f"{line}; make room there, or keep less: doorbell backup prune") from error
            if error.errno in _REFUSED:
                raise TargetRefused(line) from error
            raise TargetUnavailable(line) from error


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())


def _walk(folder: Path, prefix: str) -> Iterator[Stored]:
    """Every file below, sorted by its whole name; what goes meanwhile is passed over."""
    try:
        with os.scandir(folder) as found:
            entries = [(each.name + "/" * each.is_dir(), each) for each in found if is_name(each.name)]
    except _ABSENT:
        return
    for name, entry in sorted(entries, key=lambda pair: pair[0]):
        if name.endswith("/"):
            yield from _walk(folder / entry.name, prefix + name)
            continue
        with suppress(FileNotFoundError):
            status = entry.stat()
            yield Stored(prefix + name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _runs(process: str) -> bool:
    return process.isdecimal() and Path(f"/proc/{process}").exists()
