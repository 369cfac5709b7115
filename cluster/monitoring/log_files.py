"""Where a process's lines go: a file of its own that is rotated, and standard output.

A line that cannot be written, as on a full disk, is counted and let go: a log costs no visitor.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path

Lost = Callable[[str], None]
"""Called with the reason for each line that is lost."""

ON_THE_DISK, IN_THE_LINE = "disk", "failed"
"""Why a line is lost: the file or the output does not take it, or the line itself is none."""


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Bytes of a file until it is rotated, how many rotated ones stay, and how many files the folder has at most."""

    most_bytes: int = 10_000_000
    kept: int = 4
    files: int = 200


class LinesTo(logging.Handler):
    """Writes each record as one line, at once."""

    def __init__(self, lost: Lost) -> None:
        super().__init__()
        self._lost = lost

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except (TypeError, ValueError):
            self._lost(IN_THE_LINE)
            return
        try:
            self.write(line.encode("utf-8", "backslashreplace") + b"\n")
        except OSError:
            self._lost(ON_THE_DISK)

    def write(self, line: bytes) -> None:
        """Raises OSError."""
        raise NotImplementedError


class StandardOutput(LinesTo):
    """The process's own one, whatever sys.stdout was replaced with: Serve sends that into its log."""

    def write(self, line: bytes) -> None:
        os.write(1, line)


class RotatedFile(LinesTo):
    """`path`, with the older lines in `path.1` (the newest of them) and so on.

    Nothing is buffered, so nothing is kept in memory while a disk is full.
    """

    def __init__(self, path: Path, lost: Lost, limits: FileLimits | None = None) -> None:
        super().__init__(lost)
        self._path = path
        self._limits = limits or FileLimits()
        self._file: int | None = None
        self._size = 0
        self._torn = False

    def write(self, line: bytes) -> None:
        if self._file is not None and (self._size + len(line) > self._limits.most_bytes or self._is_gone(self._file)):
            self._rotate()
        file = self._opened() if self._file is None else self._file
        whole = b"\n" + line if self._torn else line
        done = os.write(file, whole)
        self._size += done
        self._torn = done < len(whole)
        if self._torn:
            raise OSError(ENOSPC, "half a line was written", str(self._path))

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        super().close()

    def _opened(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size
        self._forget()
        return self._file

    @staticmethod
    def _is_gone(file: int) -> bool:
        """Another process has removed it, as the oldest of too many: nobody would read what is written on."""
        return os.fstat(file).st_nlink == 0

    def _rotate(self) -> None:
        assert self._file is not None
        os.close(self._file)
        self._file = None
        self._torn = False
        for number in range(self._limits.kept - 1, -1, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def _forget(self) -> None:
        """Replicas that come and go leave files; the oldest of them end."""
        files = sorted(self._path.parent.glob("*.jsonl*"), key=_written_at)
        for old in files[: -self._limits.files]:
            if old != self._path:
                with suppress(OSError):
                    old.unlink()


def _written_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
