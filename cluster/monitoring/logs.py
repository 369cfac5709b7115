"""How a process of the cluster logs: JSON lines to standard output and to files that Ray's log API reaches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.monitoring.log_files import Lost, RotatedFile, StandardOutput
from cluster.monitoring.log_lines import JsonLines, without_secrets

FOLDER = "doorbell"
"""Beside Serve's own in the log folder of a Ray session."""

FILE_ONLY = {"file_only": True}
"""`extra` of a line that comes with every frame. Ray tails a worker's standard output and sends each line of it through
the head, which at hundreds of frames a second is load for nothing."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes where. `known` gives what every line says beside itself, of the process and the request at hand."""

    folder: Path
    name: str
    known: Callable[[], Mapping[str, object]] = dict


def log_to_files(loggers: Iterable[str], writer: Writer, lost: Lost) -> None:
    """Have these loggers, and those below them, write as `writer`, at INFO and above; once more changes nothing."""
    handlers = [_file(writer, lost), _output(lost)]
    for handler in handlers:
        handler.setFormatter(JsonLines(writer.known))
    for name in loggers:
        logger = logging.getLogger(name)
        if any(isinstance(handler, RotatedFile) for handler in logger.handlers):
            continue
        logger.setLevel(logging.INFO)
        logger.propagate = False
        for handler in handlers:
            logger.addHandler(handler)


def seldom(record: logging.LogRecord) -> bool:
    """Whether the line is for more than the file."""
    return not getattr(record, "file_only", False)


def plainly(record: logging.LogRecord) -> logging.LogRecord:
    """The record as another's formatter may write it: its text, and its traceback, without what is not for a log."""
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    return logging.makeLogRecord(record.__dict__ | {"msg": without_secrets(text), "args": (), "exc_info": None})


def _file(writer: Writer, lost: Lost) -> RotatedFile:
    return RotatedFile(writer.folder / f"{writer.name}.jsonl", lost)


def _output(lost: Lost) -> StandardOutput:
    output = StandardOutput(lost)
    output.addFilter(seldom)
    return output
