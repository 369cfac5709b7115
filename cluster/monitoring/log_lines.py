"""A log record as fields: what the line says of itself, whose request it was, and nothing that is not for a log."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from logging import LogRecord

import structlog

from cluster.monitoring.journey import current

_CONVERSION = re.compile(r"%%|(?:(\w+)=)?%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z]")
_RENAMED = {"trace": "trace_id", "frame": "frame_id", "event": "event_id"}
_TAKEN = frozenset({"event", "message", "level", "logger", "time", "exception"})
_OWN = frozenset({"time", "level", "logger", "trace_id", "node", "replica", "application"})

_WORD = re.compile(r"[\w.-]{0,80}")
"""Nothing below but a key is within one such, and an id is one."""

SHORT = 80
"""Characters of a text that is likely to come again: a verdict, a release, a replica's id."""

_TEXTS = (
    # The id of a key stays: it is what the audit trail and `doorbell keys list` show.
    (re.compile(r"\b(db_[0-9a-f]{12})_[0-9A-Za-z_-]{20,}"), r"\1_…"),
    (re.compile(r"\b((?!https?:|postgresql|sqlite:|s3:|file:|grpc:)[a-z][a-z0-9+.-]*)://[^\s'\"]+"), r"\1://…"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s'\"@]+@"), r"\1…@"),
    (re.compile(r"(https?://[^\s'\"?]+)\?[^\s'\"]+"), r"\1?…"),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s'\",]+"), r"\1 …"),
    (
        re.compile(r"(?i)\b(pass(?:word|phrase|wd)|secret|token|api[_-]?key)(['\"]?\s*[=:]\s*['\"]?)[^\s'\",}]+"),
        r"\1\2…",
    ),
    # A row that PostgreSQL or SQLAlchemy quotes has names in it, and an embedding is many numbers or many bytes.
    (re.compile(r"\b(DETAIL|CONTEXT): .*"), r"\1: …"),
    (re.compile(r"\[parameters: .*"), "[parameters: …"),
    (re.compile(r"(?:-?\d+\.\d*(?:e[-+]?\d+)?[\s,]+){7,}-?\d+\.\d*(?:e[-+]?\d+)?"), "…"),
    (re.compile(r"b(['\"])(?:(?!\1).){64,}\1"), r"b\1…\1"),
    (re.compile(r"[A-Za-z0-9+/]{300,}={0,2}"), "…"),
)


def without_secrets(text: str) -> str:
    """The text without keys, passwords, addresses of recipients, rows of the database and embeddings."""
    if _WORD.fullmatch(text) and "db_" not in text:
        return text
    return _without_secrets_again(text) if len(text) <= SHORT else _without_secrets(text)


def _without_secrets(text: str) -> str:
    for pattern, instead in _TEXTS:
        text = pattern.sub(instead, text)
    return text


_without_secrets_again = lru_cache(maxsize=2048)(_without_secrets)


class JsonLines(logging.Formatter):
    """A record as one line of JSON. `known` gives what every line says beside itself.

    A gateway writes one for each frame, in its loop: this takes less than half of structlog's time for the same.
    """

    def __init__(self, known: Callable[[], Mapping[str, object]]) -> None:
        super().__init__()
        self._known = known

    def format(self, record: LogRecord) -> str:
        """Raises TypeError and ValueError where the record's arguments are not those of its text."""
        line = _of_a_record(record)
        for known in (_of_the_journey(), structlog.contextvars.get_contextvars(), self._known()):
            for name, value in known.items():
                if value is not None:
                    line.setdefault(name, value)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: _cleaned(name, value) for name, value in line.items()})


def _of_a_record(record: LogRecord) -> dict[str, object]:
    """`name key=%s key=%s: text` has a name, and a field for each key."""
    text = record.getMessage()
    name = text.split(" ", 1)[0].rstrip(":,")
    event = name if "." in name.strip(".") else text
    line: dict[str, object] = {"event": event}
    line.update(_keyed(str(record.msg), record.args) if isinstance(record.args, tuple) else {})
    line.update(logger=record.name, level=record.levelname.lower(), time=_moment(record.created))
    if event != text and not getattr(record, "file_only", False):
        line["message"] = text
    return line


def _cleaned(name: str, value: object) -> object:
    """A text without secrets, unless it is one that we have made; what is neither text nor number becomes text."""
    if name in _OWN or value is None or isinstance(value, bool | int | float):
        return value
    return without_secrets(value if isinstance(value, str) else str(value))


def _keyed(form: str, arguments: tuple[object, ...]) -> dict[str, object]:
    keys = _keys(form)
    if len(keys) != len(arguments):
        return {}
    told = {key: _plain(value) for key, value in zip(keys, arguments, strict=True) if key and value is not None}
    return {_RENAMED.get(key, f"{key}_" if key in _TAKEN else key): value for key, value in told.items()}


@lru_cache(maxsize=1024)
def _keys(form: str) -> tuple[str | None, ...]:
    """The key of each argument of a format, None for one without."""
    return tuple(found[1] for found in _CONVERSION.finditer(form) if found[0] != "%%")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _plain(value: object) -> object:
    return value if isinstance(value, str | bool | int | float) else str(value)


def _of_the_journey() -> dict[str, str | None]:
    journey = current.get()
    return {} if journey is None else journey.names()
