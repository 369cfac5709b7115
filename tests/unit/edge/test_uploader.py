from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from edge.backoff import LONGEST_OBEYED_S, Backoff, retry_after_s
from edge.camera import Frame
from edge.errors import EdgeError, KeyRefused, Refused, SpoolBusy, TryLater
from edge.gateway import Gateway
from edge.set_aside import listed
from edge.spool import Spool
from edge.uploader import Uploader

FrameMaker = Callable[..., Frame]
Answer = httpx.Response | Exception | None

HOTSPOT = httpx.Response(200, html="<html>please sign in</html>")


class Heard:
    """Remembers what the uploader told."""

    def __init__(self) -> None:
        self.answers, self.refusals, self.waits = [], [], []

    def answered(self, frame: str, event: dict[str, Any], milliseconds: float) -> None:
        self.answers.append((frame, event, milliseconds))

    def refused(self, frame: str, problem: dict[str, Any]) -> None:
        self.refusals.append((frame, problem))

    def waiting(self, frame: str, problem: dict[str, Any], pause_s: float) -> None:
        self.waits.append((problem, pause_s))


class Door:
    """An uploader on a spool, before a gateway that gives the answers in the list and then events."""

    def __init__(self, folder: Path, answers: Sequence[Answer] = (), **options: object) -> None:
        self.requests, self.slept, self.heard = [], [], Heard()
        self._answers = list(answers)
        self.spool = Spool(folder)
        gateway = Gateway("http://gate", lambda: "secret", transport=httpx.MockTransport(self._answer))
        sleep = lambda stop, seconds: self.slept.append(seconds)  # noqa: E731
        options = {"sleep": sleep, "chance": lambda: 0.5, "backoff": Backoff(1.0, 60.0, 45.0)} | options
        self.uploader = Uploader(gateway, self.spool, self.heard, **options)

    def drain(self) -> None:
        self.uploader.drain(Event())

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        frame_id = request.headers["Idempotency-Key"]
        return answer or httpx.Response(200, json={"id": "e1", "frame_id": frame_id, "verdict": "known"})


def test_a_frame_is_posted_as_the_contract_says(tmp_path: Path, a_frame: FrameMaker) -> None:
    door, frame = Door(tmp_path), a_frame(b"jpeg bytes")
    door.spool.take(frame)
    door.drain()

    (request,) = door.requests
    assert (request.method, request.url.path, request.content) == ("POST", "/api/v1/frames", b"jpeg bytes")
    sent = {name: request.headers[name] for name in ("X-API-Key", "X-Camera-Id", "X-Trigger", "Content-Type")}
    assert sent == {
        "X-API-Key": "secret",
        "X-Camera-Id": "front-door",
        "X-Trigger": "button",
        "Content-Type": "image/jpeg",
    }
    assert request.headers["Idempotency-Key"] == frame.frame_id
    assert request.headers["X-Captured-At"] == "2026-03-01T12:00:00.250000Z"
    trace = frame.frame_id.replace("-", "")
    assert re.fullmatch(rf"00-{trace}-[0-9a-f]{{16}}-01", request.headers["traceparent"])


def test_everything_that_waits_is_sent_oldest_first_and_forgotten(tmp_path: Path, a_frame: FrameMaker) -> None:
    door = Door(tmp_path)
    frames = [a_frame(label=f"{n}.jpg") for n in range(3)]
    for frame in frames:
        door.spool.take(frame)
    door.drain()

    assert [frame for frame, _, _ in door.heard.answers] == ["0.jpg", "1.jpg", "2.jpg"]
    assert [request.headers["Idempotency-Key"] for request in door.requests] == [frame.frame_id for frame in frames]
    assert len(door.spool) == 0


def test_milliseconds_run_from_the_capture_to_the_answer(tmp_path: Path, a_frame: FrameMaker) -> None:
    door = Door(tmp_path, clock=lambda: 1000.25)
    door.spool.take(a_frame(), captured_s=1000.0)
    door.drain()

    assert door.heard.answers[0][2] == 250.0


def test_a_frame_of_an_earlier_process_is_timed_by_the_wall_clock(tmp_path: Path, a_frame: FrameMaker) -> None:
    door, frame = Door(tmp_path), a_frame()
    door.spool.take(frame)
    door.drain()

    elapsed_ms = (datetime.now(UTC) - frame.captured_at).total_seconds() * 1000
    assert 0 <= door.heard.answers[0][2] <= max(0, elapsed_ms)


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_a_lasting_refusal_sets_the_frame_aside_and_the_next_one_goes(
    tmp_path: Path, a_frame: FrameMaker, status: int
) -> None:
    door = Door(tmp_path, [httpx.Response(status, json={"title": "no", "type": "/problems/no"})])
    door.spool.take(a_frame(label="bad.jpg"))
    door.spool.take(a_frame(label="good.jpg"))
    door.drain()

    ((label, problem),) = door.heard.refusals
    assert (label, problem["type"], problem["status"]) == ("bad.jpg", "/problems/no", status)
    assert [frame for frame, _, _ in door.heard.answers] == ["good.jpg"]
    assert [row["reason"] for row in listed(tmp_path / "refused")] == [problem]
    assert door.slept == []


@pytest.mark.parametrize(
    "passing",
    [
        httpx.Response(429),
        httpx.Response(408),
        httpx.Response(500),
        httpx.Response(503, html="<html>busy</html>"),
        httpx.Response(302, headers={"Location": "http://login"}),
        httpx.Response(404),
        httpx.Response(204),
        HOTSPOT,
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"id": "e", "frame_id": "of another frame"}),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("closed"),
    ],
)
def test_a_passing_failure_is_tried_again_with_the_same_id(
    tmp_path: Path, a_frame: FrameMaker, passing: httpx.Response | Exception
) -> None:
    door = Door(tmp_path, [passing])
    door.spool.take(a_frame())
    door.drain()

    first, second = door.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.headers["traceparent"] != second.headers["traceparent"]
    assert door.slept == [0.5]
    assert len(door.heard.answers) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_keeps_the_frame_and_tries_again_slowly(tmp_path: Path, a_frame: FrameMaker, status: int) -> None:
    door = Door(tmp_path, [httpx.Response(status), httpx.Response(status)])
    door.spool.take(a_frame())
    door.drain()

    assert door.slept == [45.0, 45.0]
    assert [problem["status"] for problem, _ in door.heard.waits] == [status, status]
    assert len(door.heard.answers) == 1


def test_pauses_double_up_to_the_longest_and_start_anew_after_an_answer(tmp_path: Path, a_frame: FrameMaker) -> None:
    bad = httpx.Response(500)
    door = Door(tmp_path, [bad, bad, bad, bad, None, bad], backoff=Backoff(1.0, 3.0), chance=lambda: 1.0)
    door.spool.take(a_frame())
    door.spool.take(a_frame())
    door.drain()

    assert door.slept == [1.0, 2.0, 3.0, 3.0, 1.0]


def test_the_gateway_is_not_asked_again_before_its_retry_after(tmp_path: Path, a_frame: FrameMaker) -> None:
    door = Door(tmp_path, [httpx.Response(503, headers={"Retry-After": "7"})])
    door.spool.take(a_frame())
    door.drain()

    assert door.slept == [7.5]


def test_an_impatient_uploader_gives_up_and_keeps_the_frame(tmp_path: Path, a_frame: FrameMaker) -> None:
    door = Door(tmp_path, [httpx.Response(503, headers={"Retry-After": "60"})], patience_s=30.0)
    door.spool.take(a_frame())
    door.drain()

    assert door.uploader.gave_up
    assert door.slept == []
    assert len(door.spool) == 1


def test_a_stop_between_two_tries_leaves_the_frame_in_the_spool(tmp_path: Path, a_frame: FrameMaker) -> None:
    door = Door(tmp_path, [httpx.Response(500)], sleep=lambda stop, seconds: stop.set())
    door.spool.take(a_frame())
    door.drain()

    assert len(door.requests) == 1
    assert len(door.spool) == 1


NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 5 ", 5.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 12:01:30 -0000", 90.0),
        ("Mon, 01 Mar 2027 12:00:00 GMT", LONGEST_OBEYED_S),
        ("9" * 5000, LONGEST_OBEYED_S),
        ("-3", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds


@pytest.mark.parametrize(
    "error", [Refused({"status": 422}), KeyRefused({}), TryLater({"title": "busy"}, 3.0), SpoolBusy("what", "way out")]
)
def test_errors_survive_pickling(error: EdgeError) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), vars(copy)) == (type(error), vars(error))
