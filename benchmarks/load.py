"""The load generator: `python -m benchmarks.load`, one thread for every camera, nothing but the standard library.

Each camera is a closed loop over one kept connection: it posts its next frame when the last one was answered, and after
a 429 when `Retry-After` says so. Requests are made before they are needed; what is left at run time is a frame id, one
system call to send and one to read, so that the generator takes as little as it can from what it measures.

A job comes as one line of JSON, `{"begun": …}` goes out when the warm-up is over, and the Result when the time is.
"""

from __future__ import annotations

import heapq
import json
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.answers import Answer, BadAnswer, whole_answer

REQUEST_SECONDS = 30.0
APART_SECONDS = 0.01
"""Between two connections' opening, so that servers which share a listening socket share the connections too."""

AGAIN_SECONDS = 0.1
"""After a lost connection, or a 429 that does not say when."""

TICK_SECONDS = 0.25
SEND_BUFFER = 200_000
"""Bytes: a whole frame leaves in one system call."""


@dataclass(frozen=True, slots=True)
class Job:
    """`bodies` are files, `headers` go with each of them; times in seconds."""

    url: str
    headers: dict[str, str]
    bodies: list[str]
    cameras: int
    warm_up: float
    seconds: float


@dataclass(slots=True)
class Result:
    """Between warm-up and end: each 200's milliseconds, every status, each camera's 200s, and what measuring took."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    by_camera: list[int] = field(default_factory=list)


class Camera:
    """One connection, the request under way on it, and what has been read of its answer."""

    def __init__(self, number: int, job: Job, bodies: list[bytes]) -> None:
        place = urlsplit(job.url)
        self.number = number
        self._address = place.hostname or "127.0.0.1", place.port or 80
        fixed = {"Host": place.netloc, "X-Camera-Id": f"camera-{number}", "X-Trigger": "motion"} | job.headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in fixed.items())
        self._heads = [
            f"POST {place.path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\nIdempotency-Key: ".encode()
            for body in bodies
        ]
        self._bodies = bodies
        self._run = os.urandom(8).hex()
        self._sent = number
        self._left = memoryview(b"")
        self._received = bytearray()
        self.socket: socket.socket | None = None
        self.sent_at = 0.0

    def open(self) -> socket.socket:
        """A new connection. Raises OSError."""
        opened = socket.create_connection(self._address, timeout=REQUEST_SECONDS)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        opened.setblocking(False)
        self.socket = opened
        return opened

    def post(self) -> bool:
        """Send the next frame; whether all of it has left. Raises OSError."""
        assert self.socket is not None
        which = self._sent % len(self._bodies)
        head = self._heads[which] + f"{self._run}-{self._sent}\r\n\r\n".encode()
        self._sent += 1
        self._received.clear()
        self.sent_at = time.perf_counter()
        gone = self.socket.sendmsg([head, self._bodies[which]])
        if gone == len(head) + len(self._bodies[which]):
            return True
        self._left = memoryview(head + self._bodies[which])[gone:]
        return False

    def post_rest(self) -> bool:
        """Send on; whether all of it has left now. Raises OSError."""
        assert self.socket is not None
        self._left = self._left[self.socket.send(self._left) :]
        return not self._left

    def read(self) -> Answer | None:
        """What has arrived; None while more has to. Raises OSError, BadAnswer."""
        assert self.socket is not None
        arrived = self.socket.recv(65536)
        if not arrived:
            raise ConnectionResetError("closed")
        self._received += arrived
        return whole_answer(self._received)


class Load:
    """Every camera of one run in one loop."""

    def __init__(self, job: Job, bodies: list[bytes]) -> None:
        self._cameras = [Camera(number, job, bodies) for number in range(job.cameras)]
        self._job = job
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int]] = []
        self._under_way: set[int] = set()
        self._counting = False
        self.result = Result(by_camera=[0] * job.cameras)

    def run(self, begun: Callable[[], None], ended: Callable[[Result], None]) -> None:
        """Warm up, measure, tell, and wait for the answers that are still to come."""
        now = time.perf_counter()
        self._due = [(now + number * APART_SECONDS, number) for number in range(len(self._cameras))]
        self._until(now + self._job.warm_up)
        begun()
        self._counting = True
        start, cpu = time.perf_counter(), time.process_time()
        self._until(start + self._job.seconds)
        self.result.seconds, self.result.cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
        self._counting = False
        ended(self.result)
        self._due.clear()
        self._until(time.perf_counter() + REQUEST_SECONDS, draining=True)

    def _until(self, end: float, *, draining: bool = False) -> None:
        tick = 0.0
        while (now := time.perf_counter()) < end and (self._under_way or not draining):
            if now >= tick:
                tick = now + TICK_SECONDS
                self._give_up(now - REQUEST_SECONDS)
            while not draining and self._due and self._due[0][0] <= now:
                self._post(self._cameras[heapq.heappop(self._due)[1]])
            for key, events in self._selector.select(self._wait(min(end, tick))):
                self._serve(key.data, events)
                if draining:
                    self._due.clear()

    def _wait(self, until: float) -> float:
        due = self._due[0][0] if self._due else until
        return max(0.0, min(due, until) - time.perf_counter())

    def _post(self, camera: Camera) -> None:
        try:
            if camera.socket is None:
                self._selector.register(camera.open(), selectors.EVENT_READ, camera)
            self._under_way.add(camera.number)
            if not camera.post():
                self._listen(camera, selectors.EVENT_READ | selectors.EVENT_WRITE)
        except OSError as error:
            self._lost(camera, type(error).__name__)

    def _serve(self, camera: Camera, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE and camera.post_rest():
                self._listen(camera, selectors.EVENT_READ)
            if events & selectors.EVENT_READ and (answer := camera.read()) is not None:
                self._answered(camera, answer)
        except (OSError, BadAnswer) as error:
            self._lost(camera, type(error).__name__)

    def _answered(self, camera: Camera, answer: Answer) -> None:
        now = time.perf_counter()
        self._under_way.discard(camera.number)
        self._count(answer.status)
        if self._counting and answer.status == "200":
            self.result.milliseconds.append((now - camera.sent_at) * 1000)
            self.result.by_camera[camera.number] += 1
        if answer.closes:
            self._close(camera)
        pause = (answer.retry_after or AGAIN_SECONDS) if answer.status == "429" else 0.0
        heapq.heappush(self._due, (now + pause, camera.number))

    def _lost(self, camera: Camera, why: str) -> None:
        self._count(why)
        self._under_way.discard(camera.number)
        self._close(camera)
        heapq.heappush(self._due, (time.perf_counter() + AGAIN_SECONDS, camera.number))

    def _count(self, status: str) -> None:
        if self._counting:
            self.result.statuses[status] = self.result.statuses.get(status, 0) + 1

    def _give_up(self, sent_before: float) -> None:
        for number in [each for each in self._under_way if self._cameras[each].sent_at < sent_before]:
            self._lost(self._cameras[number], "TimeoutError")

    def _close(self, camera: Camera) -> None:
        if camera.socket is not None:
            self._selector.unregister(camera.socket)
            camera.socket.close()
            camera.socket = None

    def _listen(self, camera: Camera, events: int) -> None:
        assert camera.socket is not None
        self._selector.modify(camera.socket, events, camera)


def main() -> None:
    """One job from standard input."""
    job = Job(**json.loads(sys.stdin.readline()))
    bodies = [Path(body).read_bytes() for body in job.bodies]
    Load(job, bodies).run(lambda: _say({"begun": True}), lambda result: _say(asdict(result)))


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
