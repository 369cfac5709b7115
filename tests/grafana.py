"""What Ray's dashboard asks of a Grafana and of a Prometheus, answered as they do (Grafana 10, Prometheus 2)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Grafana:
    """`health` is what `/api/health` answers, `asked` the paths that were asked for."""

    url: str = ""
    health: dict[str, str] = field(default_factory=lambda: {"commit": "x", "database": "ok", "version": "10.1.0"})
    asked: list[str] = field(default_factory=list)


@contextmanager
def standing_in() -> Iterator[Grafana]:
    grafana = Grafana()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            grafana.asked.append(self.path)
            found: dict[str, Any] = {
                "/api/health": grafana.health,
                "/api/v1/query?query=vector(1)": {"status": "success", "data": {"resultType": "vector", "result": []}},
            }
            body = json.dumps(found.get(self.path, {})).encode()
            self.send_response(200 if self.path in found else 404)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    grafana.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield grafana
    finally:
        server.shutdown()
