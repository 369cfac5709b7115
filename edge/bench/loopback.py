"""A gateway on loopback that answers every frame with an event: what `doorbell-edge bench` posts to."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType

from edge.errors import Unusable


class NothingArrived(Unusable):
    """The agent sent nothing in time."""


class Loopback:
    """Notes when the first byte of each frame is there."""

    def __init__(self) -> None:
        self._arrivals: SimpleQueue[float] = SimpleQueue()
        arrivals = self._arrivals

        class Handler(_Handler):
            seen = arrivals

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, name="loopback", daemon=True)

    @property
    def url(self) -> str:
        """Where to post to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def next_arrival(self, timeout_s: float) -> float:
        """Return the monotonic moment of the next frame's first byte. Raises NothingArrived."""
        try:
            return self._arrivals.get(timeout=timeout_s)
        except Empty:
            raise NothingArrived(f"no frame arrived within {timeout_s:.0f} s", "see doorbell-edge check") from None

    def __enter__(self) -> Loopback:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    seen: SimpleQueue[float]

    def parse_request(self) -> bool:
        # The request line is there, and nothing more has been read.
        self._arrived_s = time.monotonic()
        return super().parse_request()

    def do_GET(self) -> None:
        self._answer({"status": "alive"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        frame_id = self.headers.get("Idempotency-Key")
        if frame_id is not None:
            self.seen.put(self._arrived_s)
        self._answer({"id": frame_id, "frame_id": frame_id, "verdict": "no_face", "faces": []})

    def _answer(self, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass
