"""A real Prometheus and a real Alertmanager with the configs that `doorbell monitoring` writes, on loopback."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.child import MeasurementFailed
from benchmarks.observe.inbox import Inbox, inbox
from cluster.monitoring import alertmanager, prometheus
from cluster.monitoring.receivers import Receiver, Receivers, Webhook
from cluster.preflight import free_port

READY_SECONDS = 60.0
GRACE_SECONDS = 10.0
PROMETHEUS = ("prometheus",)
ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")
"""Debian's name first."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The addresses of both, and where their alerts arrive."""

    prometheus: str
    alertmanager: str
    inbox: Inbox


def program(names: Sequence[str]) -> str:
    """Raises MeasurementFailed with the package that brings it."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise MeasurementFailed(
        f"{names[0]} is not installed; on Debian: apt-get install prometheus prometheus-alertmanager"
    )


@contextmanager
def outside(folder: Path, discovery: Path, haproxy: Sequence[str], every: int = 2) -> Iterator[Outside]:
    """Both while the block lasts; everybody of theirs is told by the inbox. Raises MeasurementFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        heard = stack.enter_context(inbox())
        hook = Receivers(
            receivers={"inbox": Receiver(webhook=Webhook(url=heard.url))},
            tell={"page": ("inbox",), "ticket": ("inbox",)},
        )
        telling = stack.enter_context(teller(folder / "alertmanager", hook))
        address = telling.removeprefix("http://")
        watched = prometheus.Watched(discovery, [address], haproxy, [], "", every)
        prometheus.write(folder / "prometheus", watched)
        asked = stack.enter_context(store(folder / "prometheus", folder / "prometheus" / "data"))
        yield Outside(asked, telling, heard)


@contextmanager
def teller(folder: Path, told: Receivers) -> Iterator[str]:
    """The address of an Alertmanager that tells these. Raises MeasurementFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{free_port()}"
    options = [f"--config.file={alertmanager.write(folder, told)}", f"--storage.path={folder / 'data'}"]
    options += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with _running([program(ALERTMANAGER), *options], f"http://{address}", folder / "alertmanager.log"):
        yield f"http://{address}"


@contextmanager
def store(config: Path, data: Path, *more: str) -> Iterator[str]:
    """The address of a Prometheus with this folder's prometheus.yml, on this data. Raises MeasurementFailed."""
    address = f"127.0.0.1:{free_port()}"
    options = [f"--config.file={config / 'prometheus.yml'}", f"--storage.tsdb.path={data}"]
    options += [f"--web.listen-address={address}", "--enable-feature=exemplar-storage", *more]
    with _running([program(PROMETHEUS), *options], f"http://{address}", config / "prometheus.log"):
        yield f"http://{address}"


@contextmanager
def _running(command: Sequence[str], url: str, log: Path) -> Iterator[None]:
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd=log.parent)  # noqa: S603
        try:
            _wait_ready(process, url, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            if httpx.get(f"{url}/-/ready", timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    lines = log.read_text().strip().splitlines() or ["it said nothing"]
    raise MeasurementFailed(f"{log.stem} is not ready: {lines[-1]}")
