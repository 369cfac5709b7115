"""A release takes its place in a folder whole or not at all, by one process at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from cluster.releases.folder import check_content, read_signed
from cluster.releases.manifest import MANIFEST, SIGNATURE, ReleaseError

Copy: TypeAlias = Callable[[Path], None]
"""Writes the weight files into a new folder."""


@contextmanager
def exclusively(target: Path) -> Iterator[None]:
    """No other process installs at `target` meanwhile. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(target: Path, data: bytes, signature: bytes, copy: Copy) -> None:
    """Make `target` this release, unless it is already, without a damaged byte. Raises ReleaseError, OSError.

    What is there and is not whole makes room: a reader finds no folder for the time between two renames.
    """
    if is_whole(target, data, signature):
        return
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        copy(new)
        write_synced(new / SIGNATURE, signature)
        write_synced(new / MANIFEST, data)
        _check_arrived(target.name, new, data)
        if target.exists():
            target.rename(Path(temporary) / "old")
        new.rename(target)
        _sync_folder(target.parent)


def _check_arrived(name: str, new: Path, data: bytes) -> None:
    try:
        check_content(new, data)
    except ReleaseError as error:
        said = str(error).replace(f"{new}/", "").removesuffix("; fetch it again")
        raise ReleaseError(f"{name}, as the registry gives it: {said}; put the release there again") from error


def is_whole(target: Path, data: bytes, signature: bytes) -> bool:
    """Whether `target` is this release, with every file as it should be."""
    try:
        if read_signed(target) != (data, signature):
            return False
        check_content(target, data)
    except ReleaseError:
        return False
    return True


def copy_synced(source: Path, to: Path) -> None:
    """Raises OSError."""
    with source.open("rb") as read, to.open("wb") as written:
        shutil.copyfileobj(read, written, 1 << 20)
        written.flush()
        os.fsync(written.fileno())


def write_synced(path: Path, content: bytes) -> None:
    """Raises OSError."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)  # or a power cut could take the name back
    finally:
        os.close(folder)
