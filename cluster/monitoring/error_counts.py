"""Counts every warning and error that is logged, so that no place is forgotten."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from cluster.monitoring.family import OTHER
from cluster.monitoring.meter import Meter
from cluster.monitoring.metrics import ERROR_COUNT, ERRORS

OF_THE_DATABASE = frozenset(
    {"DatabaseError", "OperationalError", "InterfaceError", "IntegrityError", "DataError", "KeysUnavailable"}
)
COMPONENTS = {
    "serve_apps.api": "gateway",
    "serve_apps.pipeline": "gateway",
    "serve_apps.events": "gateway",
    "serve_apps.recognition": "recognizer",
    "serve_apps.notifications": "courier",
    "serve_apps.gallery": "gallery",
    "serve_apps.load": "load",
    "serve_apps.watch": "watch",
    "serve_apps.database": "database",
    "backup": "backup",
    "cluster.backup_app": "backup",
    "cluster.watch_app": "watch",
    "cluster.monitoring": "telemetry",
    "cluster.deployment": "deployment",
}
"""By the beginning of the logger's name."""


class ErrorCounts(logging.Handler):
    """A handler that writes nothing."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(logging.WARNING)
        self._meter = meter

    def emit(self, record: logging.LogRecord) -> None:
        """Count it; a frame's own line tells of what another line has told already."""
        if getattr(record, "file_only", False):
            return
        severity = record.levelname.lower()
        found = error_type(record)
        self._meter.add(ERROR_COUNT, component_of(record.name, found), found, severity)


def component_of(logger: str, error: str) -> str:
    """Which part failed: the database where the error is one of its, else by who logs it."""
    if error in OF_THE_DATABASE:
        return "database"
    parts = logger.split(".")
    return COMPONENTS.get(".".join(parts[:2])) or COMPONENTS.get(parts[0], OTHER)


def error_type(record: logging.LogRecord) -> str:
    """The exception's class, or the nearest of its bases that is told apart; one that is named in the line counts."""
    return next((name for name in _names(record) if name in ERRORS), OTHER)


def _names(record: logging.LogRecord) -> Iterator[str]:
    if record.exc_info and record.exc_info[0]:
        yield from (each.__name__ for each in record.exc_info[0].__mro__)
    arguments = record.args.values() if isinstance(record.args, dict) else record.args or ()
    for argument in arguments:
        if isinstance(argument, BaseException):
            yield from (each.__name__ for each in type(argument).__mro__)
        elif isinstance(argument, str):
            yield argument.partition(":")[0]
