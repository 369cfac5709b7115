"""A webhook that Alertmanager tells: what came, and when."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """One alert of one notification; `at` in monotonic seconds."""

    at: float
    firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(slots=True)
class Inbox:
    """Everything that came so far; safe to read while more comes."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def take(self, said: Mapping[str, Any]) -> None:
        """One notification of Alertmanager's."""
        now = time.monotonic()
        with self._news:
            for alert in said["alerts"]:
                firing = alert["status"] == "firing"
                self.received.append(Received(now, firing, alert["labels"], alert["annotations"]))
            self._news.notify_all()

    def first(
        self, labels: Mapping[str, str], seconds: float, *, since: float = 0.0, firing: bool = True
    ) -> Received | None:
        """The first with these labels that comes from `since` (monotonic) on and within so many seconds from now."""
        until = time.monotonic() + seconds
        with self._news:
            while not (found := self._first(labels, since, firing)):
                if not self._news.wait(until - time.monotonic()) and time.monotonic() >= until:
                    return None
            return found

    def _first(self, labels: Mapping[str, str], since: float, firing: bool) -> Received | None:
        chosen = (each for each in self.received if each.firing == firing and each.at >= since)
        return next((each for each in chosen if labels.items() <= each.labels.items()), None)


@contextmanager
def inbox() -> Iterator[Inbox]:
    """A webhook on loopback while the block lasts."""
    opened = Inbox()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            opened.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    opened.url = f"http://127.0.0.1:{server.server_port}/alerts"
    thread = threading.Thread(target=server.serve_forever, name="inbox", daemon=True)
    thread.start()
    try:
        yield opened
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
