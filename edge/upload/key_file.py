"""The file with the key of this box."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.errors import KeyUnusable
from edge.settings.reading import read_key
from edge.spool.disk import DISK


class KeyFile:
    """Gives the key, and reads its file anew whenever that has changed: a repair works without a restart.

    Without a file the key comes from the environment, once. Raises KeyUnusable when called.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._key = ""
        self._stamp: object = None

    def __call__(self) -> str:
        stamp = self._stamp_now()
        if stamp is None or stamp != self._stamp:
            self._key = read_key(self._file)
            self._stamp = stamp
        return self._key

    def _stamp_now(self) -> object:
        if self._file is None:
            return "environment"
        try:
            now = self._file.stat()
        except OSError:
            return None
        return now.st_mtime_ns, now.st_ctime_ns, now.st_size, now.st_ino


class NewKeyFile:
    """A file that only its owner may read, not yet under its name."""

    def __init__(self, file: Path, temporary: Path, descriptor: int, replace: bool) -> None:
        self._file = file
        self._temporary = temporary
        self._descriptor = descriptor
        self._replace = replace

    def keep(self, key: str) -> None:
        """Write the key, and give the file its name, all at once. Raises KeyUnusable."""
        try:
            with os.fdopen(os.dup(self._descriptor), "w", encoding="ascii") as file:
                file.write(f"{key}\n")
                file.flush()
                os.fsync(file.fileno())
            if self._replace:
                self._temporary.replace(self._file)
            else:
                # Unlike a rename, a link never takes the place of a file that has appeared meanwhile.
                self._file.hardlink_to(self._temporary)
            DISK.fsync_folder(self._file.parent)
        except FileExistsError as error:
            raise _exists(self._file) from error
        except OSError as error:
            raise _unwritable(self._file, error) from error


@contextmanager
def new_key_file(file: Path, *, replace: bool = False) -> Iterator[NewKeyFile]:
    """Make sure that a key can be kept before anybody gives one away. Raises KeyUnusable."""
    if file.exists() and not replace:
        raise _exists(file)
    if file.is_dir():
        raise KeyUnusable(f"{file} is a folder", "name a file in it")
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise _unwritable(file, error) from error
    try:
        yield NewKeyFile(file, temporary, descriptor, replace)
    finally:
        os.close(descriptor)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _exists(file: Path) -> KeyUnusable:
    return KeyUnusable(f"there is a key in {file} already", "give --replace to have a new one in its place")


def _unwritable(file: Path, error: OSError) -> KeyUnusable:
    return KeyUnusable(f"cannot write the key file {file}: {error.strerror or error}", "check its folder and its owner")
