"""What a recognizer replica tells the policy: what is expected of its application, and how long a frame takes it."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Event
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from autoscaling.forecast import Forecast
from autoscaling.stats import SERVICE, START, expected
from serve_apps.load.facts import FORECAST, ROUTING
from serve_apps.load.service_time import ServiceTime

log = logging.getLogger(__name__)

READ_SECONDS = 10.0
STALE_SECONDS = 900.0
"""A forecast as old as this is none any more: its maker is gone."""

Facts = Mapping[str, tuple[datetime, Mapping[str, Any]]]


class Outlook:
    """Of one replica. `read` gives the facts; `start_s` is how long the replica took to be ready. `clock` may jump."""

    def __init__(
        self,
        read: Callable[[], Facts],
        application: str,
        service: ServiceTime,
        start_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read = read
        self._application = application
        self._service = service
        self._start = {START: start_s}
        self._clock = clock
        self._facts: Facts = {}
        self._away = False

    def start(self, seconds: float = READ_SECONDS) -> None:
        """Read every so many seconds, as long as the process lives."""

        def forever() -> None:
            pause = Event()
            while True:
                try:
                    self.round()
                except Exception:
                    # The outermost loop: the next forecast is read, whatever it was.
                    log.exception("outlook.round_failed")
                pause.wait(seconds)

        threading.Thread(target=forever, name="outlook", daemon=True).start()

    def stats(self) -> dict[str, float]:
        """What is reported, without what is not known. What lies ahead is worked out now: facts are seconds old."""
        service = self._service.seconds
        return self._start | self._expected() | ({} if service is None else {SERVICE: service})

    def round(self) -> None:
        """Read once; while the database is away the last forecast is good for a while."""
        try:
            self._facts = self._read()
            self._away = False
        except (SQLAlchemyError, OSError) as error:
            if not self._away:
                log.warning("outlook.not_read: %s; the last forecast is used", type(error).__name__)
            self._away = True

    def _expected(self) -> dict[str, float]:
        try:
            return expected_of(self._facts, self._application, self._clock())
        except (KeyError, TypeError, ValueError) as error:  # of another version
            log.warning("outlook.not_understood: %s", error)
            self._facts = {}
            return {}


def expected_of(facts: Facts, application: str, now: float) -> dict[str, float]:
    """What is expected of an application; empty when it is not known. Raises KeyError, TypeError, ValueError."""
    if FORECAST not in facts or ROUTING not in facts:
        return {}
    at, value = facts[FORECAST]
    if not value["upper"] or abs(now - at.timestamp()) > STALE_SECONDS:
        return {}
    made = Forecast(value["start"], value["step_s"], tuple(value["expected"]), tuple(value["upper"]), value["method"])
    rates = expected(made.peak, now, share(facts[ROUTING][1], application, now))
    return {name: rate for name, rate in rates.items() if math.isfinite(rate)}


def share(routing: Mapping[str, Any], application: str, now: float) -> float:
    """Of the frames, by the weights that gateways obey at `now`: 0 to 1. Raises KeyError, TypeError, ValueError."""
    until = routing.get("until")
    ended = until is not None and now >= datetime.fromisoformat(until).timestamp()
    weights = routing["fallback"] if ended else routing["weights"]
    return float(weights.get(application, 0) / sum(weights.values()))
