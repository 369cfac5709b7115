"""What a machine must have before a cluster is started on it; everything else is one clear line."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

LEAST_MEMORY = 2 * 1024**3
"""Bytes. A recognizer replica holds 340 MB, gateway and courier 250 MB each, Ray the rest; much of it is shared."""


class CannotStart(Exception):
    """Why the cluster cannot be started, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All on loopback. `stats` and `metrics` are HAProxy's."""

    http: int = 8000
    dashboard: int = 8265
    stats: int = 8404
    metrics: int = 9101

    def named(self) -> dict[str, int]:
        """By the option that sets each."""
        return {
            "--port": self.http,
            "--dashboard-port": self.dashboard,
            "--stats-port": self.stats,
            "--metrics-port": self.metrics,
        }

    def options(self) -> list[str]:
        """For the command line of `doorbell up`."""
        return [part for option, port in self.named().items() for part in (option, str(port))]


def check_ports(ports: Ports) -> None:
    """Raises CannotStart for the first port that another program listens on, or that is given twice."""
    if len(set(ports.named().values())) < len(ports.named()):
        raise CannotStart("two of the ports are the same; give each its own")
    for option, port in ports.named().items():
        for host in ("127.0.0.1", "0.0.0.0"):  # noqa: S104 a listener on either is in the way
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except PermissionError:
                    raise CannotStart(f"port {port} needs root; give a higher one with {option}") from None
                except OSError:
                    raise CannotStart(f"port {port} is taken by another program; free it or give {option}") from None


def free_port() -> int:
    """A port on loopback that nobody listens on, below those that the kernel hands out and could hand to Ray first."""
    while True:
        port = 15_000 + secrets.randbelow(15_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def check_memory(available: int | None = None) -> None:
    """Raises CannotStart when less than LEAST_MEMORY bytes are available."""
    free = psutil.virtual_memory().available if available is None else available
    if free < LEAST_MEMORY:
        found, needed = free / 1024**3, LEAST_MEMORY / 1024**3
        raise CannotStart(f"{found:.1f} GiB of memory are available, {needed:.0f} are needed; end other programs")


@contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Hold the data folder, so that two clusters never run on one. Raises CannotStart."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(f"{folder}: {error.strerror}; give another folder with DOORBELL_DATA") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            raise CannotStart(f"{folder} is in use by process {owner}; end it, or give DOORBELL_DATA") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
