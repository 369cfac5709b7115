"""What a process of the edge needs around it: a log on standard error, and a folder that may be written to."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO, cast

import structlog


def log_to_stderr(as_json: bool, level: int) -> None:
    """Log from this level on, one line each."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer() if as_json else structlog.processors.KeyValueRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(_STDERR),
    )


class _Stderr:
    """Standard error, looked up for each line: a stream bound now may be closed or replaced later.

    A line that cannot be written, as on a full disk, is let go: a log costs no visitor.
    """

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


_STDERR = cast("TextIO", _Stderr())
"""One for all loggers: structlog has a lock for each stream, and keeps it for good."""


@contextmanager
def room_for_lgpio() -> Iterator[None]:
    """Give lgpio a folder for the pipe that it makes where it is imported, and fails without.

    See https://github.com/gpiozero/gpiozero/issues/1106. With LG_WD set it makes that the working directory, which
    is left as it is where it can be written to: settings may hold paths below it.
    """
    if "LG_WD" in os.environ or _is_writable(Path.cwd()):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="doorbell-edge-") as folder:
        os.environ["LG_WD"] = folder
        try:
            yield
        finally:
            del os.environ["LG_WD"]


def _is_writable(folder: Path) -> bool:
    # os.access tells root that everything is, a disk that is mounted read-only excepted.
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
