from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.health.watchdog import LONGEST_BUSY_S, notify, watched


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def environment(systemd: socket.socket, watchdog_usec: int | None = None) -> dict[str, str]:
    told = {"NOTIFY_SOCKET": systemd.getsockname()}
    return told if watchdog_usec is None else told | {"WATCHDOG_USEC": str(watchdog_usec)}


def test_nothing_is_sent_where_systemd_does_not_ask() -> None:
    assert not notify("READY=1", {})


def test_systemd_hears_ready_then_that_the_box_works_then_that_it_stops(systemd: socket.socket) -> None:
    with watched(lambda: 0.0, environment(systemd, 20_000)):
        assert systemd.recv(100) == b"READY=1"
        assert systemd.recv(100) == b"WATCHDOG=1"

    rest = {systemd.recv(100)}
    while b"STOPPING=1" not in rest:
        rest.add(systemd.recv(100))
    assert rest <= {b"WATCHDOG=1", b"STOPPING=1"}


def test_a_camera_that_hangs_keeps_the_watchdog_silent(systemd: socket.socket) -> None:
    with watched(lambda: LONGEST_BUSY_S + 1, environment(systemd, 20_000)):
        assert systemd.recv(100) == b"READY=1"
        systemd.settimeout(0.1)
        with pytest.raises(TimeoutError):
            systemd.recv(100)


def test_a_name_in_the_abstract_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # Linux picks an abstract name
        name = listening.getsockname()
        assert notify("READY=1", {"NOTIFY_SOCKET": "@" + name[1:].decode()})
        assert listening.recv(100) == b"READY=1"


def test_a_socket_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})
