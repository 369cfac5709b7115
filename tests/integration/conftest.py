"""A real cluster for the integration tests: `doorbell up` as a process, on free ports, with a real webhook receiver."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from benchmarks.processes import below
from cluster.cli.bench.own_cluster import free_ports
from cluster.preflight import Ports
from samples.frames import FRAMES
from serve_apps.database import connect, migrate
from tests.conftest import eventually
from tests.grafana import Grafana, standing_in
from tests.integration.backed_up import House, Vault, begun, house, vault
from tests.otlp_collector import Collector, collecting

FAULTY = [f"benchmarks.faulty_engines:{name}" for name in ("not_in_a_replica", "fails_soon", "slow", "leaks")]
"""What the cluster's settings let releases name as their engines."""


@dataclass
class Receiver:
    """Counts the notices that arrive, by their idempotency key."""

    url: str = ""
    seen: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class RunningCluster:
    """A started cluster; `key` is its first API key, an admin's."""

    process: subprocess.Popen[str]
    url: str
    key: str
    data: Path
    ports: Ports
    receiver: Receiver

    def client(self, key: str | None = None) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"X-API-Key": key or self.key}, timeout=30)

    def doorbell(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"DOORBELL_DATA": str(self.data), "DOORBELL_API_URL": self.url}
        command = [sys.executable, "-m", "cluster.cli.main", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def is_whole(self) -> bool:
        """Whether all applications run, also those that no door waits for."""
        token = (self.data / "ray_token").read_text()
        url = f"http://127.0.0.1:{self.ports.dashboard}/api/serve/applications/"
        try:
            found = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).json()["applications"]
        except (httpx.HTTPError, ValueError, KeyError):
            return False
        return "watch" in found and all(each["status"] == "RUNNING" and runs_all(each) for each in found.values())

    def processes(self, name: str) -> list[psutil.Process]:
        return below(self.process.pid, name)


def runs_all(application: dict[str, Any]) -> bool:
    """Whether there are as many replicas as are wanted."""
    return all(
        sum(replica["state"] == "RUNNING" for replica in each["replicas"]) == each["target_num_replicas"]
        for each in application["deployments"].values()
    )


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    counted = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            counted.seen[self.headers["Idempotency-Key"]] += 1
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    counted.url = f"json://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield counted
    server.shutdown()


@contextlib.contextmanager
def started(data: Path, receiver: Receiver, variables: Mapping[str, str]) -> Iterator[RunningCluster]:
    """`doorbell up` on this folder, with further settings."""
    data.mkdir(exist_ok=True)
    notices = data / "notices.yaml"
    notices.write_text(
        f"recipients: {{hook: '{receiver.url}'}}\n"
        "rules:\n  - {notify: [hook], verdicts: [known, unknown, blacklisted]}\n"
    )
    ports = free_ports()
    command = [sys.executable, "-m", "cluster.cli.main", "up", *ports.options(), "--json"]
    environment = os.environ | {"DOORBELL_DATA": str(data), "DOORBELL_NOTICES_FILE": str(notices)} | variables
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    key = json.loads(process.stdout.readline())["first_key"]
    ready = process.stdout.readline()
    assert ready, f"the cluster did not start: status {process.wait()}"
    url = json.loads(ready)["ready"]["api"].removesuffix("/api/v1")
    running = RunningCluster(process, url, key, data, ports, receiver)
    assert eventually(running.is_whole, seconds=300), "not every application runs"
    yield running
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the cluster's spans go."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
def grafana() -> Iterator[Grafana]:
    with standing_in() as stand_in:
        yield stand_in


@pytest.fixture(scope="session")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, grafana: Grafana, collector: Collector
) -> Iterator[RunningCluster]:
    variables = collector.variables | {
        "DOORBELL_RELEASE_ENGINES": ",".join(FAULTY),
        "DOORBELL_PROMETHEUS_URL": grafana.url,
        "RAY_GRAFANA_HOST": grafana.url,
        "RAY_GRAFANA_IFRAME_HOST": "https://grafana.example",
    }
    with started(tmp_path_factory.mktemp("cluster"), receiver, variables) as running:
        yield running


@pytest.fixture(scope="session")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The composed sample frames by name."""
    folder = tmp_path_factory.mktemp("frames")
    return {frame.name: frame.write(folder, number).read_bytes() for number, frame in enumerate(FRAMES)}


@pytest.fixture
def household(cluster: RunningCluster) -> RunningCluster:
    """The cluster with the sample people."""
    from cluster.sample_run import enrol_samples

    enrol_samples(cluster.url, cluster.key)
    return cluster


def new_database(server: str, template: str) -> str:
    name = f"test_{time.monotonic_ns()}"
    with connect(f"{server}postgres").connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    return f"{server}{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/doorbell.db"
    return new_database(request.getfixturevalue("postgres"), "template1")


@pytest.fixture(scope="session")
def migrated_on_postgres(postgres: str) -> str:
    """The name of a database with all tables and no rows, to be copied."""
    url = new_database(postgres, "template1")
    engine = connect(url)
    migrate(engine)
    engine.dispose()  # a database that somebody is connected to cannot be copied
    return url.removeprefix(postgres)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with all tables and no rows."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "doorbell.db")
        return f"sqlite:///{tmp_path}/doorbell.db"
    return new_database(request.getfixturevalue("postgres"), request.getfixturevalue("migrated_on_postgres"))


@pytest.fixture
def kept(tmp_path: Path) -> Vault:
    """An empty repository, and a place for the keyring's copy."""
    return vault(tmp_path / "vault")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """A data folder that has been lived in, to take snapshots of."""
    with house(tmp_path / "data") as made:
        yield begun(made)
