"""The edge's connection before real servers: certificates, timeouts, failures at the worst moment, ends at any."""

from __future__ import annotations

import json
import socket
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import trustme

from edge.camera import Frame
from edge.errors import EnrolmentFailed, KeyUnusable, TryLater
from edge.listener import Listener
from edge.spool.queue import Spool
from edge.upload import connection
from edge.upload.addresses import Addresses
from edge.upload.backoff import Backoff
from edge.upload.clock import ClusterClock, boot_clock
from edge.upload.connection import Connection
from edge.upload.enrolment import enrol_into
from edge.upload.gateway import Gateway
from edge.upload.heartbeat import Heartbeat
from edge.upload.key_file import KeyFile
from edge.upload.tls import tls_context
from edge.upload.uploader import Uploader
from tests.conftest import eventually

Servers = Callable[..., "Cluster"]


class Cluster(ThreadingHTTPServer):
    """Keeps one event for each frame id. `moods` are what the next frames meet; `key` is the one that is valid."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Request)
        self.events, self.headers, self.moods, self.key = {}, [], [], "secret"
        self.peers, self.released, self.codes = set(), Event(), {"good-code"}
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client with a wrong certificate is no news."""


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer(200, {"status": "alive"})

    def do_POST(self) -> None:
        self.server.peers.add(self.client_address)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/v1/devices":
            known = json.loads(body)["code"] in self.server.codes
            self.server.codes.clear()
            self._answer(*((201, {"id": "d", "name": "front", "key": "own-key"}) if known else (404, {})))
        elif self.path == "/api/v1/devices/heartbeat":
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._answer(200, {"time": now, "device": {"id": "d", "name": "front"}})
        else:
            self._frame(body)

    def _frame(self, body: bytes) -> None:
        self.server.headers.append(self.headers)
        mood = self.server.moods.pop(0) if self.server.moods else None
        if self.headers["X-API-Key"] != self.server.key:
            self._answer(401, {"title": "no such key"})
            return
        frame_id = self.headers["Idempotency-Key"]
        event = {"id": f"event {len(self.server.events)}", "frame_id": frame_id, "bytes": sha256(body).hexdigest()}
        if mood != "lost":
            event = self.server.events.setdefault(frame_id, event)
        if mood == "late":
            self.server.released.wait(20)
        if mood in ("late", "cut", "lost"):
            self.close_connection = True
        else:
            self._answer(200, event)
            self.close_connection = mood == "then close"

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def servers() -> Iterator[Servers]:
    running = []

    def start(**options: Any) -> Cluster:
        running.append(Cluster(**options))
        return running[-1]

    yield start
    for server in running:
        server.close()


def a_frame(size: int = 2000, **told: Any) -> Frame:
    taken = told.pop("captured_at", datetime(2026, 3, 1, 12, tzinfo=UTC))
    return Frame(str(uuid.uuid4()), "door", taken, "button", bytes(size), "image/jpeg", **told)


def gateway(*urls: str, **options: Any) -> Gateway:
    names = ("tls", "timeout_s", "home_s")
    connection = Connection(Addresses(urls), **{name: options.pop(name) for name in names if name in options})
    return Gateway(connection, options.pop("read_key", lambda: "secret"), **options)


def uploaded(gate: Gateway, folder: Path, *frames: Frame) -> int:
    """Upload the frames and return how many waited once and longer."""
    waits = []

    class Waits(Listener):
        def waiting(self, frame: Frame, problem: dict[str, Any], pause_s: float) -> None:
            waits.append(problem)

    with Spool(folder) as spool:
        for frame in frames:
            spool.take(frame, time.monotonic())
        Uploader(gate, spool, Waits(), backoff=Backoff(0.01, 0.05, 0.05)).drain(Event())
        assert len(spool) == 0
    return len(waits)


def test_an_answer_that_comes_after_the_timeout_makes_no_second_event(tmp_path: Path, servers: Servers) -> None:
    server, frame = servers(), a_frame()
    server.moods += ["late", "cut"]
    assert uploaded(gateway(server.url, timeout_s=2), tmp_path, frame) == 2

    assert list(server.events) == [frame.frame_id]
    assert server.events[frame.frame_id]["id"] == "event 0"
    assert len(server.headers) == 3


def test_a_key_repaired_in_its_file_works_without_a_restart(tmp_path: Path, servers: Servers) -> None:
    server = servers()
    (tmp_path / "key").write_text("revoked")
    gate, frame = gateway(server.url, read_key=KeyFile(tmp_path / "key")), a_frame()
    repair = Thread(target=lambda: (eventually(lambda: server.headers), (tmp_path / "key").write_text("secret")))
    repair.start()
    assert uploaded(gate, tmp_path / "spool", frame) >= 1
    repair.join()

    assert list(server.events) == [frame.frame_id]


def test_a_connection_closed_while_nobody_spoke_costs_no_try(tmp_path: Path, servers: Servers) -> None:
    server, frames = servers(), [a_frame() for _ in range(4)]
    server.moods += ["then close", None, "lost", None]
    assert uploaded(gateway(server.url), tmp_path, *frames) == 0

    assert len(server.events) == 4
    assert len(server.headers) == 5


@pytest.mark.parametrize("beginning", ["X-Slow: ", "Content-Length: 1000\r\n\r\n"])
def test_a_gateway_that_is_forever_about_to_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, beginning: str
) -> None:
    monkeypatch.setattr(connection, "_GRACE_S", 0.1)

    def drip(server: socket.socket) -> None:
        with server.accept()[0] as line, suppress(OSError):
            line.recv(1000)
            line.sendall(f"HTTP/1.1 200 OK\r\n{beginning}".encode())
            for _ in range(100):
                line.sendall(b"1")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = Thread(target=drip, args=(server,))
        dripping.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with closing(Connection(Addresses([url]), timeout_s=0.3)) as line:
            asked_s = time.monotonic()
            with pytest.raises(TryLater):
                line.ask("GET", "/", {})
            took_s = time.monotonic() - asked_s
        dripping.join()

    # It drips for five seconds.
    assert took_s < 3


def test_the_fallback_takes_over_and_the_first_address_takes_back(tmp_path: Path, servers: Servers) -> None:
    first, second = servers(), servers()
    first.close()
    gate = gateway(first.url, second.url, home_s=0.05)
    assert uploaded(gate, tmp_path, a_frame()) == 0
    again = servers(port=first.server_port)
    until_s = time.monotonic() + 10
    while not again.events and time.monotonic() < until_s:
        uploaded(gate, tmp_path, a_frame())
        time.sleep(0.02)
    gate.close()

    assert again.events
    assert second.events


def test_a_limited_line_is_not_used_faster(servers: Servers) -> None:
    server = servers()
    gate = gateway(server.url, bytes_per_second=100_000)
    began_s = time.monotonic()
    for _ in range(3):
        gate.post(a_frame(50_000))

    # The first second's worth goes at once.
    assert time.monotonic() - began_s >= 0.49
    assert len(server.events) == 3


@pytest.mark.parametrize("limit", [None, 1000])
def test_closing_ends_a_request_in_flight(servers: Servers, limit: int | None) -> None:
    server = servers()
    server.moods.append("late")
    gate, failures = gateway(server.url, bytes_per_second=limit, timeout_s=30), []

    def post() -> None:
        try:
            gate.post(a_frame())
        except TryLater as failure:
            failures.append(failure)

    thread = Thread(target=post)
    thread.start()
    time.sleep(0.3)
    closed_s = time.monotonic()
    gate.close()
    thread.join(5)

    assert len(failures) == 1
    assert time.monotonic() - closed_s < 2


def test_a_heartbeat_tells_the_time_to_a_box_whose_clock_is_a_year_behind(servers: Servers) -> None:
    server, clock = servers(), ClusterClock()
    heartbeat = Heartbeat(Connection(Addresses([server.url])), lambda: "secret", dict, clock, 30.0)
    heartbeat.beat()
    heartbeat.close()
    boot_id, boot_s = boot_clock()
    behind = datetime.now(UTC) - timedelta(days=365)
    gateway(server.url, cluster_clock=clock).post(a_frame(captured_at=behind, boot_id=boot_id, boot_s=boot_s))

    (headers,) = server.headers
    assert float(headers["X-Clock-Offset"]) == pytest.approx(365 * 86_400, abs=5)


def test_a_box_is_enrolled_once_and_its_key_kept(tmp_path: Path, servers: Servers) -> None:
    server, file = servers(), tmp_path / "key"

    assert enrol_into(file, server.url, "good-code") == "front"
    assert file.read_text() == "own-key\n"
    with pytest.raises(KeyUnusable, match="--replace"):
        enrol_into(file, server.url, "good-code")
    with pytest.raises(EnrolmentFailed, match="does not know this code"):
        enrol_into(file, server.url, "good-code", replace=True)
    assert file.read_text() == "own-key\n"


class Certificates:
    """An authority with a server and a box; and what strangers have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ours, theirs = trustme.CA(), trustme.CA()
        past = datetime.now(UTC) - timedelta(days=1)
        ours.cert_pem.write_to_path(folder / "ours.pem")
        theirs.cert_pem.write_to_path(folder / "theirs.pem")
        self.server = ours.issue_cert("127.0.0.1")
        for name, issued in (
            ("box", ours.issue_cert("box.example")),
            ("expired", ours.issue_cert("box.example", not_before=past - timedelta(days=1), not_after=past)),
            ("foreign", theirs.issue_cert("box.example")),
        ):
            issued.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.configure_cert(context)
        context.load_verify_locations(self.folder / "ours.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def box(self, authority: str, certificate: str | None) -> ssl.SSLContext:
        shown = self.folder / f"{certificate}.pem" if certificate else None
        return tls_context(self.folder / f"{authority}.pem", shown)


def test_with_the_right_certificates_frames_go_over_one_kept_connection(tmp_path: Path, servers: Servers) -> None:
    certificates = Certificates(tmp_path)
    server = servers(tls=certificates.server_context())
    gate = gateway(server.url, tls=certificates.box("ours", "box"))
    for _ in range(3):
        gate.post(a_frame())
    gate.close()

    assert len(server.events) == 3
    assert len(server.peers) == 1


@pytest.mark.parametrize(
    ("authority", "certificate", "title"),
    [
        ("theirs", "box", "the gateway's certificate is not trusted"),
        ("ours", "expired", "the gateway accepts no certificate of ours"),
        ("ours", "foreign", "the gateway accepts no certificate of ours"),
        ("ours", None, "the gateway accepts no certificate of ours"),
    ],
)
def test_with_wrong_certificates_no_frame_goes_and_one_line_says_why(
    tmp_path: Path, servers: Servers, authority: str, certificate: str | None, title: str
) -> None:
    certificates = Certificates(tmp_path)
    server = servers(tls=certificates.server_context())
    with pytest.raises(TryLater) as raised:
        gateway(server.url, tls=certificates.box(authority, certificate)).post(a_frame())

    assert raised.value.problem["title"] == title
    assert "\n" not in raised.value.problem["detail"]
    assert server.headers == []


def test_closing_ends_a_request_over_tls_too(tmp_path: Path, servers: Servers) -> None:
    certificates = Certificates(tmp_path)
    server = servers(tls=certificates.server_context())
    server.moods.append("late")
    gate = gateway(server.url, tls=certificates.box("ours", "box"), timeout_s=30)
    closing = Thread(target=lambda: (time.sleep(0.3), gate.close()))
    closing.start()
    began_s = time.monotonic()
    with pytest.raises(TryLater):
        gate.post(a_frame())
    closing.join()

    assert time.monotonic() - began_s < 3
