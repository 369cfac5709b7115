"""The small HTTP server behind the HTTP trigger: what it hears out, and what it sends away."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from socketserver import TCPServer
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import structlog

log = structlog.get_logger(__name__)

STOP_CHECK_S = 0.2
_AT_ONCE = 16
_REQUEST_S = 5.0
"""For the whole request, so that a caller who sends a byte now and then holds no thread."""
_HEAD_BYTES = 8 * 1024
_BODY_BYTES = 1024
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

Reply = tuple[int, dict[str, Any]]
Fire = Callable[[str | None], Reply]


class Door(ThreadingHTTPServer):
    """Hears sixteen callers at once on 127.0.0.1; a further one is hung up on."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = _AT_ONCE
    timeout = STOP_CHECK_S

    def __init__(self, port: int, fire: Fire) -> None:
        """Bind. Raises OSError."""
        self.fire = fire
        self._free = BoundedSemaphore(_AT_ONCE)
        super().__init__(("127.0.0.1", port), _Caller)

    def server_bind(self) -> None:
        # HTTPServer's own would ask the name service for the name of 127.0.0.1.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            log.warning("http_trigger.busy", callers=_AT_ONCE)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:
            # No thread was to be had.
            self._free.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A caller who hangs up; the base class would print a traceback.
        log.info("http_trigger.hung_up", exc_info=True)


class _Caller(BaseHTTPRequestHandler):
    server: Door
    connection: socket.socket

    def setup(self) -> None:
        super().setup()
        received = _received(self.connection, time.monotonic() + _REQUEST_S)
        self.connection.settimeout(_REQUEST_S)
        self.rfile.close()
        self.rfile = BytesIO(received)

    def do_POST(self) -> None:
        status, content = self._refusal() or self._fired()
        self._reply(status, content)

    def _other(self) -> None:
        self._reply(405, {"title": f"{self.command} is not POST"}, allow="POST")

    do_GET = do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _other

    def _refusal(self) -> Reply | None:
        # A page in a browser on this box could reach the port, under a name of its own or from its own origin.
        if _host(self.headers.get("Host", "")) not in _LOOPBACK:
            return 403, {"title": "the Host header names another machine; call 127.0.0.1 or localhost"}
        if "Origin" in self.headers:
            return 403, {"title": "web pages may not ring"}
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return 411, {"title": "the body must have a Content-Length, or there must be none"}
        if int(length[:10]) > _BODY_BYTES:
            return 413, {"title": f"a body of more than {_BODY_BYTES} bytes; none is needed"}
        return None

    def _fired(self) -> Reply:
        url = urlsplit(self.path)
        if url.path != "/trigger":
            return 404, {"title": "only /trigger is here"}
        query = parse_qsl(url.query, keep_blank_values=True)
        if len(query) > 1 or (query and query[0][0] != "camera"):
            return 400, {"title": "the only parameter is camera, given once"}
        return self.server.fire(query[0][1] if query else None)

    def _reply(self, status: int, content: dict[str, Any], allow: str = "") -> None:
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if allow:
            self.send_header("Allow", allow)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "doorbell-edge"

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("http_trigger.called", told=format % args)


def _received(connection: socket.socket, deadline_s: float) -> bytes:
    """Return the head, and the body as far as it came with it; nothing where the head is too long or too late."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = _more(connection, deadline_s)
        if not more or len(received) + len(more) > _HEAD_BYTES:
            return b""
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    missing = min(_announced(head), _BODY_BYTES) - len(body)
    # What is left unread when we hang up would reset the connection, and with it our answer.
    while missing > 0 and (more := _more(connection, deadline_s)):
        missing -= len(more)
    return received


def _more(connection: socket.socket, deadline_s: float) -> bytes:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        return b""
    connection.settimeout(left_s)
    try:
        return connection.recv(4096)
    except OSError:
        return b""


def _announced(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value.strip()[:10])
    return 0


def _host(header: str) -> str:
    """Return the host of a Host header without its port and brackets, in small letters."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
