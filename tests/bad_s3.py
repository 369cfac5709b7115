"""An S3 that misbehaves: it stands before a real one, and does to requests what it is told."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Fault = Callable[["Passing"], bool]
"""Whether it has answered the request itself; otherwise the request is passed on."""


class Passing(BaseHTTPRequestHandler):
    """One request. Signatures stay right: the Host header goes on as it came."""

    protocol_version = "HTTP/1.1"
    behind = ""
    faults: list[Fault]
    body = b""

    def pass_on(self) -> None:
        self.body = self.whole_body()
        if not (self.faults and self.faults.pop(0)(self)):
            self.forward(self.body)

    def forward(self, body: bytes) -> None:
        there = http.client.HTTPConnection(urlsplit(self.behind).netloc, timeout=30)
        there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("transfer-encoding", "connection", "expect"):
                there.putheader(name, value)
        there.endheaders(body)
        answer = there.getresponse()
        self.answer(answer.status, answer.read(), dict(answer.getheaders()))
        there.close()

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            if name.lower() not in ("transfer-encoding", "connection") and (
                self.command == "HEAD" or name.lower() != "content-length"
            ):
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def whole_body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = pass_on


@contextmanager
def before(endpoint: str) -> Iterator[tuple[str, list[Fault]]]:
    """The address of a bad S3 before this one, and its faults: each is for one request, the first for the next."""
    faults: list[Fault] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Passing,), {"behind": endpoint, "faults": faults}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", faults
    finally:
        server.shutdown()
        server.server_close()


def says(status: int, code: str) -> Fault:
    """An error in S3's form."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>as told</Message></Error>".encode()

    def fault(request: Passing) -> bool:
        request.answer(status, body, {"Content-Type": "application/xml"})
        return True

    return fault


def not_xml(request: Passing) -> bool:
    """What a proxy says whose server is away."""
    request.answer(502, b"<html>Bad Gateway")
    return True


def hangs_up(request: Passing) -> bool:
    """Half way through the answer the connection is gone."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    request.close_connection = True
    return True


def never_answers(request: Passing) -> bool:
    """Until the client has given up."""
    request.connection.settimeout(10)
    request.rfile.read(1)
    request.close_connection = True
    return True


def keeps_nothing(request: Passing) -> bool:
    """It says 200 and forgets."""
    if request.command != "PUT":
        return False
    request.answer(200, b"", {"ETag": '"d41d8cd98f00b204e9800998ecf8427e"'})
    return True


def keeps_half(request: Passing) -> bool:
    """It says 200 and keeps the wrong bytes, with a checksum that fits them."""
    import boto3
    from botocore.config import Config

    if request.command != "PUT":
        return False
    bucket, _, key = urlsplit(request.path).path.lstrip("/").partition("/")
    client = boto3.client("s3", endpoint_url=request.behind, config=Config(s3={"addressing_style": "path"}))
    client.put_object(Bucket=bucket, Key=key, Body=b"something else", ChecksumAlgorithm="SHA256")
    request.answer(200, b"", {"ETag": '"d41d8cd98f00b204e9800998ecf8427e"'})
    return True


def fine(_: Passing) -> bool:
    """Nothing is wrong with this one."""
    return False
