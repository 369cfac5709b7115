"""The HTTP trigger on a real port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Event, Thread

import httpx
import pytest

from edge.drivers.http import HttpTrigger
from edge.errors import TriggerUnusable
from edge.firings import Firings
from edge.trigger import Firing


class Box:
    """An agent without cameras: what a firing becomes is told by the test."""

    def __init__(self, min_interval_s: float = 0.0, longest_answer_s: float = 5.0) -> None:
        self.trigger = HttpTrigger(0, ("front", "back"), longest_answer_s=longest_answer_s)
        self.address = f"http://127.0.0.1:{self.trigger.port}"
        self.stop = Event()
        self.broken: set[str] = set()
        self.silent: set[str] = set()
        self.fired: list[Firing] = []
        self._firings = Firings([(self.trigger, ("front", "back"), min_interval_s)])
        self._thread = Thread(target=self._take_all)
        self._thread.start()

    def ring(self, query: str = "", **headers: str) -> httpx.Response:
        return httpx.post(f"{self.address}/trigger{query}", headers=headers, trust_env=False)

    def close(self) -> None:
        self.stop.set()
        self._firings.close()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def _take_all(self) -> None:
        for firing in self._firings.firings(self.stop):
            self.fired.append(firing)
            assert firing.fate is not None
            for camera in set(firing.cameras) - self.silent:
                if camera in self.broken:
                    firing.fate.lost(camera, "the camera gives no picture")
                else:
                    firing.fate.taken(camera, f"frame of {camera}")


@pytest.fixture
def box() -> Iterator[Box]:
    box = Box()
    yield box
    box.close()


def test_the_answer_names_the_frame_of_every_camera(box: Box) -> None:
    response = box.ring()

    assert response.status_code == 200
    assert sorted(response.json()["frames"], key=lambda frame: frame["camera"]) == [
        {"camera": "back", "frame_id": "frame of back"},
        {"camera": "front", "frame_id": "frame of front"},
    ]
    assert box.fired[0].kind == "manual"


def test_one_camera_can_be_named_and_a_body_is_no_harm(box: Box) -> None:
    response = httpx.post(f"{box.address}/trigger?camera=back", content=b"x" * 900, trust_env=False)

    assert response.json() == {"frames": [{"camera": "back", "frame_id": "frame of back"}]}


def test_a_lost_frame_is_told_beside_the_one_that_was_taken(box: Box) -> None:
    box.broken = {"front"}

    response = box.ring()

    assert response.status_code == 503
    assert response.json()["lost"] == [{"camera": "front", "reason": "the camera gives no picture"}]
    assert response.json()["frames"] == [{"camera": "back", "frame_id": "frame of back"}]


def test_a_firing_that_comes_too_soon_is_no_success() -> None:
    box = Box(min_interval_s=60.0)

    assert [box.ring().status_code, box.ring().status_code] == [200, 503]
    assert "again after" in box.ring().json()["lost"][0]["reason"]
    box.close()


def test_a_camera_that_is_not_heard_of_in_time_is_named() -> None:
    box = Box(longest_answer_s=1.0)
    box.silent = {"front"}

    response = box.ring()

    assert response.status_code == 504
    assert response.json()["title"] == "no word of front in 1 s"
    box.close()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/trigger?camera=yard", {}, 404),
        ("POST", "/triggers", {}, 404),
        ("POST", "/trigger?camera=front&camera=back", {}, 400),
        ("POST", "/trigger?kamera=front", {}, 400),
        ("GET", "/trigger", {}, 405),
        ("DELETE", "/trigger", {}, 405),
        ("POST", "/trigger", {"Host": "doorbell.example"}, 403),
        ("POST", "/trigger", {"Host": "127.0.0.1.evil.example:80"}, 403),
        ("POST", "/trigger", {"Origin": "http://127.0.0.1:8000"}, 403),
        ("POST", "/trigger", {"Origin": "null"}, 403),
        ("POST", "/trigger", {"Content-Length": "5000"}, 413),
        ("POST", "/trigger", {"Content-Length": "-1"}, 411),
        ("POST", "/trigger", {"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_what_is_no_ring_is_refused(box: Box, method: str, path: str, headers: dict[str, str], status: int) -> None:
    head = {"Host": "localhost", "Connection": "close"} | headers
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    with socket.create_connection(("127.0.0.1", box.trigger.port), timeout=5) as caller:
        caller.sendall("\r\n".join(lines).encode())
        caller.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: caller.recv(4096), b""))

    assert answer.split()[1] == str(status).encode(), answer
    assert box.fired == []


def test_a_head_without_end_is_hung_up_on(box: Box) -> None:
    with socket.create_connection(("127.0.0.1", box.trigger.port), timeout=5) as caller:
        try:
            caller.sendall(b"POST /trigger HTTP/1.1\r\nX: " + b"x" * 100_000)
            answer = caller.recv(100)
        except ConnectionError:
            answer = b""

    assert answer == b""
    assert box.ring().status_code == 200


def test_a_caller_who_sends_a_byte_now_and_then_is_hung_up_on(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.drivers.http_door._REQUEST_S", 0.2)
    with socket.create_connection(("127.0.0.1", box.trigger.port), timeout=0.02) as caller:
        assert any(_is_hung_up_on(caller) for _ in range(100))


def _is_hung_up_on(caller: socket.socket) -> bool:
    try:
        caller.sendall(b"x")
        return caller.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_callers_beyond_the_sixteenth_are_hung_up_on_and_the_others_are_still_heard(box: Box) -> None:
    idle = [socket.create_connection(("127.0.0.1", box.trigger.port), timeout=5) for _ in range(17)]

    assert idle[-1].recv(1) == b""
    for caller in idle:
        caller.close()
    transport = httpx.HTTPTransport(retries=2)
    with httpx.Client(transport=transport, trust_env=False) as client:
        statuses = [_status(client, f"{box.address}/trigger") for _ in range(50)]
    assert 200 in statuses


def _status(client: httpx.Client, url: str) -> int:
    try:
        return client.post(url).status_code
    except httpx.TransportError:
        return 0


def test_a_stop_answers_who_waits() -> None:
    box = Box()
    box.silent = {"front", "back"}
    statuses: list[int] = []
    caller = Thread(target=lambda: statuses.append(box.ring().status_code))
    caller.start()
    while not box.fired:
        caller.join(0.01)

    box.close()
    caller.join(5)

    assert statuses == [503]


def test_a_port_that_is_taken_is_one_clear_error(box: Box) -> None:
    with pytest.raises(TriggerUnusable, match="Address already in use ; give it another port"):
        HttpTrigger(box.trigger.port, ("front",))
