"""A whole house that is observed: `doorbell up`, Prometheus, Alertmanager and somebody who is told, on loopback."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.child import MeasurementFailed
from benchmarks.observe.outside import Outside, outside
from benchmarks.processes import below
from benchmarks.run import plain_environment
from cluster.cli.bench.own_cluster import free_ports
from cluster.temporary import temp_folder

END_SECONDS = 60.0
DISK_BYTES = 600 * 1024**2
DISCOVERY = "prom_metrics_service_discovery.json"


@dataclass(frozen=True, slots=True)
class House:
    """`key` is the first one, an admin's. `small_disk`: the data folder is a file system of its own, of DISK_BYTES."""

    url: str
    key: str
    data: Path
    process: subprocess.Popen[str]
    outside: Outside
    small_disk: bool

    @property
    def prometheus(self) -> str:
        """Its address."""
        return self.outside.prometheus

    @property
    def alertmanager(self) -> str:
        """Its address."""
        return self.outside.alertmanager

    def client(self) -> httpx.Client:
        """Asks as an admin."""
        return httpx.Client(base_url=self.url, headers={"X-API-Key": self.key}, timeout=30)

    def processes(self, name: str) -> list[psutil.Process]:
        """Those below the cluster with `name` in their command line."""
        return below(self.process.pid, name)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """`folder` as a file system of DISK_BYTES in memory, where this may be done; whether it was."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)  # noqa: S603, S607


@contextmanager
def observed_house(folder: Path, variables: Mapping[str, str], every: int = 2) -> Iterator[House]:
    """Everything while the block lasts, in `folder`; the data in `folder/data`. Raises MeasurementFailed."""
    data = folder / "data"
    with ExitStack() as stack:
        mounted = stack.enter_context(small_disk(data))
        up = stack.enter_context(started(data, variables))
        discovery = temp_folder(data) / "r" / DISCOVERY
        seen = stack.enter_context(outside(folder, discovery, [f"127.0.0.1:{up.metrics_port}"], every))
        yield House(up.url, up.key, data, up.process, seen, mounted)


@dataclass(frozen=True, slots=True)
class Up:
    """A cluster that answers; `key` is the first one, an admin's."""

    url: str
    key: str
    process: subprocess.Popen[str]
    metrics_port: int


@contextmanager
def started(data: Path, variables: Mapping[str, str]) -> Iterator[Up]:
    """`doorbell up` on a new data folder while the block lasts. Raises MeasurementFailed."""
    ports = free_ports()
    command = [sys.executable, "-m", "cluster.cli.main", "up", *ports.options(), "--json"]
    environment = {**plain_environment(), "DOORBELL_DATA": str(data), **variables}
    with _up(command, environment) as process:
        key, url = str(_said(process, "first_key")), str(_said(process, "ready")["api"]).removesuffix("/api/v1")
        yield Up(url, key, process, ports.metrics)


def _said(process: subprocess.Popen[str], name: str) -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise MeasurementFailed(f"the cluster did not start: status {process.wait()}")
    return json.loads(line)[name]


@contextmanager
def _up(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(END_SECONDS)
        assert process.stdout is not None
        process.stdout.close()
