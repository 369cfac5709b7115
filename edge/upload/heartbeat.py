"""A word to the cluster every so often, so that it knows a box that went silent, and the box its time."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import structlog

from edge.errors import KeyUnusable, TryLater
from edge.upload.clock import ClusterClock
from edge.upload.connection import Answer, Connection

log = structlog.get_logger(__name__)

Vitals = Callable[[], dict[str, Any]]
"""What the box tells of itself: version, cameras, spool, dropped, uptime_seconds, temperature_celsius."""

PATH = "/api/v1/devices/heartbeat"
_UNKNOWN_PAUSE_S = 3600.0
_JITTER = 0.1
_END_S = 0.5


class Heartbeat:
    """Beats in a thread of its own, over a connection of its own: a slow upload must not make the box look silent.

    Whatever fails is logged when it begins and when it ends, and never ends the thread.
    """

    def __init__(
        self,
        connection: Connection,
        read_key: Callable[[], str],
        vitals: Vitals,
        cluster_clock: ClusterClock,
        every_s: float,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.trouble: str | None = None
        self._connection = connection
        self._read_key = read_key
        self._vitals = vitals
        self._clock = cluster_clock
        self._every_s = every_s
        self._chance = chance
        self._stop = Event()
        # At the end of the process nobody waits for a name server that does not answer.
        self._thread = Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Beat now, and from now on."""
        self._thread.start()

    def close(self) -> None:
        """End within about a second, the connection included."""
        self._stop.set()
        self._connection.close()
        if self._thread.is_alive():
            self._thread.join(_END_S)

    def beat(self) -> float:
        """Tell the cluster once; return the seconds until the next time."""
        try:
            answer = self._ask()
        except KeyUnusable as error:
            return self._failed("no usable key", str(error))
        except TryLater as failure:
            return self._failed(str(failure.problem.get("title")), str(failure.problem.get("detail")))
        if answer.status in (404, 405):
            self._failed("the cluster knows no heartbeats", "it is of an older version, or gateway.url is not its root")
            return max(_UNKNOWN_PAUSE_S, self._every_s)
        if answer.status != 200:
            return self._failed(f"status {answer.status}", answer.quote)
        told = _time_in(answer)
        if told is None:
            return self._failed("the answer is not a heartbeat's", answer.quote)
        self._clock.heard(told, answer.sent_s, answer.heard_s)
        if self.trouble is not None:
            log.info("heartbeat.heard_again")
        self.trouble = None
        return self._pause_s()

    def _ask(self) -> Answer:
        headers = {"X-API-Key": self._read_key(), "Content-Type": "application/json"}
        return self._connection.ask("POST", PATH, headers, lambda: json.dumps(self._told()).encode())

    def _told(self) -> dict[str, Any]:
        vitals = self._vitals() | {"every_seconds": self._every_s}
        # Last of all, so that the cluster can compare it with its own.
        return vitals | {"clock": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}

    def _failed(self, trouble: str, detail: str) -> float:
        if trouble != self.trouble and not self._stop.is_set():
            log.warning("heartbeat.failed", reason=trouble, detail=detail)
        self.trouble = trouble
        return self._pause_s()

    def _pause_s(self) -> float:
        return self._every_s * (1.0 + _JITTER * (2.0 * self._chance() - 1.0))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                pause_s = self.beat()
            except Exception as error:
                # The vitals ask cameras and disk, and whatever these raise, the next beat comes.
                pause_s = self._failed(type(error).__name__, str(error))
            self._stop.wait(pause_s)


def _time_in(answer: Answer) -> datetime | None:
    body = answer.json
    try:
        told = datetime.fromisoformat(body["time"]) if isinstance(body, dict) else None
    except (KeyError, TypeError, ValueError):
        return None
    return told if told is not None and told.tzinfo is not None else None
