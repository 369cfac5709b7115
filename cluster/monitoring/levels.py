"""Levels of loggers that are changed while the cluster runs: every process looks for them now and then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
NAMES = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
ROOTS = ("serve_apps", "cluster", "backup", "autoscaling", "ray.serve")
"""Loggers whose levels, and those of the loggers below them, may be changed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A logger's level, until this moment or for good."""

    level: str
    until: datetime | None = None

    def as_json(self) -> dict[str, str | None]:
        """What `wishes` reads again."""
        return {"level": self.level, "until": self.until.isoformat() if self.until else None}


def wishes(told: Mapping[str, Any], now: datetime) -> dict[str, Wish]:
    """Those that hold at `now`, by logger. What another version may have written and cannot be read is left out."""
    found = {}
    for logger, wish in told.items():
        try:
            until = datetime.fromisoformat(wish["until"]) if wish.get("until") else None
            read = Wish(str(wish["level"]), until)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        if read.level in NAMES and of_ours(logger) and (until is None or now < until):
            found[logger] = read
    return found


def of_ours(logger: str) -> bool:
    """Whether this logger's level may be changed."""
    return any(logger == root or logger.startswith(f"{root}.") for root in ROOTS)


class Levels:
    """What this process obeys. `read` gives the wishes in force, and may fail; those before it then stay."""

    def __init__(self, read: Callable[[], Mapping[str, Wish]]) -> None:
        self._read = read
        self._usual: dict[str, int] = {}

    def start(self, seconds: float = LOOK_SECONDS) -> None:
        """Look every so many seconds, as long as the process lives."""

        def forever() -> None:
            pause = threading.Event()
            while True:
                try:
                    self.round()
                except Exception as error:
                    # The outermost loop: a database that is away changes no level.
                    log.debug("levels.not_read: %s", type(error).__name__)
                pause.wait(seconds)

        threading.Thread(target=forever, name="levels", daemon=True).start()

    def round(self) -> None:
        """Look once; a logger that nobody has a wish for any more has its usual level again."""
        wanted = self._read()
        for name in self._usual.keys() - wanted.keys():
            self._set(name, self._usual.pop(name))
        for name, wish in wanted.items():
            self._usual.setdefault(name, logging.getLogger(name).level)
            self._set(name, logging.getLevelNamesMapping()[wish.level])

    def _set(self, name: str, level: int) -> None:
        logger = logging.getLogger(name)
        if logger.level != level:
            logger.setLevel(level)
            log.info("levels.changed logger_name=%s to=%s", name, logging.getLevelName(level))
