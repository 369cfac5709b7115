"""The load generator against a server of the standard library's."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.child import MeasurementFailed, child
from benchmarks.load import Job, Load, Result


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/frames"
        listening.shutdown()


def say(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    handler.send_response(status)
    for name, value in ({"Content_Length": "2"} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(b"{}")


def load(url: str, bodies: list[bytes], cameras: int = 3) -> Result:
    results: list[Result] = []
    job = Job(url, {"X-API-Key": "k"}, [], cameras, warm_up=0.2, seconds=2.0)
    Load(job, bodies).run(lambda: None, results.append)
    return results[0]


def test_every_body_arrives_whole_with_an_id_of_its_own() -> None:
    bodies = [b"a" * 60_000, b"b" * 3_000_000]
    received: Counter[str] = Counter()
    wrong = []

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        received[handler.headers["Idempotency-Key"]] += 1
        if body not in bodies or handler.headers["X-API-Key"] != "k":
            wrong.append(len(body))
        say(handler, 200)

    with server(answer) as url:
        result = load(url, bodies)

    assert not wrong
    assert set(received.values()) == {1}
    assert set(result.statuses) == {"200"}
    assert result.statuses["200"] == len(result.milliseconds) == sum(result.by_camera)
    assert min(result.by_camera) > 0
    assert result.cpu_seconds > 0


def test_a_camera_that_is_refused_comes_again_when_it_was_told_to() -> None:
    asked = []

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        asked.append(handler.headers["X-Camera-Id"])
        say(handler, 429, Retry_After="9")

    with server(answer) as url:
        result = load(url, [b"x"])

    assert sorted(asked) == ["camera-0", "camera-1", "camera-2"]
    assert result.milliseconds == []


def test_lost_connections_and_broken_answers_are_counted_and_opened_again() -> None:
    turns = iter(range(1_000_000))

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        turn = next(turns) % 3
        if turn == 0:
            handler.close_connection = True
        elif turn == 1:
            say(handler, 200, Content_Length="two")
        else:
            say(handler, 200)

    with server(answer) as url:
        result = load(url, [b"x"], cameras=6)

    assert {"200", "ConnectionResetError", "BadAnswer"} <= set(result.statuses)


def test_the_generator_that_cannot_read_its_job_says_so(tmp_path: Path) -> None:
    with child("benchmarks.load") as generator:
        generator.tell({"url": "http://127.0.0.1:1", "headers": {}, "bodies": [str(tmp_path / "none")]})
        with pytest.raises(MeasurementFailed, match=r"benchmarks\.load ended with status 1"):
            generator.hear()
