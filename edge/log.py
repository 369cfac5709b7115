"""Where a process of the edge logs to."""

from __future__ import annotations

import sys
from contextlib import suppress
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
