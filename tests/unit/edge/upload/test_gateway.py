from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from edge.camera import Frame
from edge.errors import KeyRefused, KeyUnusable, NotDelivered, Refused, TryLater
from edge.upload.addresses import Addresses
from edge.upload.clock import ClusterClock
from edge.upload.connection import Connection
from edge.upload.gateway import Gateway

FrameMaker = Callable[..., Frame]


def event_of(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"id": "e1", "frame_id": request.headers["Idempotency-Key"]})


def gateway(answer: Callable[[httpx.Request], httpx.Response] = event_of, **options: Any) -> tuple[Gateway, list]:
    requests = []

    def note(request: httpx.Request) -> httpx.Response:
        request.read()
        requests.append(request)
        return answer(request)

    connection = Connection(Addresses(["http://127.0.0.1/at/home"]), transport=httpx.MockTransport(note))
    return Gateway(connection, options.pop("read_key", lambda: "secret"), **options), requests


def failure_of(response: httpx.Response, frame: Frame) -> NotDelivered:
    gate, _ = gateway(lambda _: response)
    with pytest.raises(NotDelivered) as raised:
        gate.post(frame)
    return raised.value


def test_a_frame_is_posted_as_the_contract_says(a_frame: FrameMaker) -> None:
    (gate, requests), frame = gateway(), a_frame(b"jpeg bytes")

    assert gate.post(frame)["frame_id"] == frame.frame_id
    (request,) = requests
    assert (request.method, request.url.path, request.content) == ("POST", "/at/home/api/v1/frames", b"jpeg bytes")
    names = ("X-API-Key", "X-Camera-Id", "X-Trigger", "Content-Type", "Content-Length", "X-Captured-At")
    assert {name: request.headers[name] for name in names} == {
        "X-API-Key": "secret",
        "X-Camera-Id": "front-door",
        "X-Trigger": "button",
        "Content-Type": "image/jpeg",
        "Content-Length": "10",
        "X-Captured-At": "2026-03-01T12:00:00.250000Z",
    }
    assert request.headers["Idempotency-Key"] == frame.frame_id
    assert "X-Clock-Offset" not in request.headers


def test_all_tries_of_a_frame_are_one_trace_below_one_span(a_frame: FrameMaker) -> None:
    (gate, requests), frame = gateway(), a_frame()
    gate.post(frame)
    gate.post(frame)

    trace = frame.frame_id.replace("-", "")
    parents = [request.headers["traceparent"] for request in requests]
    assert all(re.fullmatch(rf"00-{trace}-[0-9a-f]{{16}}-01", parent) for parent in parents)
    assert parents[0] == parents[1]


def test_a_body_sent_in_pieces_is_whole_and_not_chunked(a_frame: FrameMaker) -> None:
    (gate, requests), image = gateway(bytes_per_second=10_000_000), bytes(range(256)) * 300
    gate.post(a_frame(image))

    (request,) = requests
    assert request.content == image
    assert request.headers["Content-Length"] == str(len(image))
    assert "Transfer-Encoding" not in request.headers


def test_a_redirect_is_told_and_not_followed(a_frame: FrameMaker) -> None:
    elsewhere = httpx.Response(301, headers={"Location": "https://elsewhere.example/frames"})
    gate, requests = gateway(lambda _: elsewhere)
    with pytest.raises(TryLater) as raised:
        gate.post(a_frame())

    assert len(requests) == 1
    assert "https://elsewhere.example/frames" in raised.value.problem["detail"]


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_what_the_gateway_refuses_for_good_is_refused(a_frame: FrameMaker, status: int) -> None:
    assert isinstance(failure_of(httpx.Response(status, json={"title": "no"}), a_frame()), Refused)
    assert isinstance(failure_of(httpx.Response(status), a_frame()), Refused)


@pytest.mark.parametrize(("status", "kind"), [(400, TryLater), (422, TryLater), (413, Refused)])
def test_a_page_of_somebody_in_between_refuses_nothing_but_the_size(
    a_frame: FrameMaker, status: int, kind: type[NotDelivered]
) -> None:
    assert isinstance(failure_of(httpx.Response(status, html="<html>no</html>"), a_frame()), kind)


def test_a_problem_cannot_lie_about_its_status(a_frame: FrameMaker) -> None:
    failure = failure_of(httpx.Response(500, json={"title": "bug", "status": 503}), a_frame())

    assert (failure.problem["title"], failure.problem["status"]) == ("bug", 500)


@pytest.mark.parametrize("form", ["7", "%a, %d %b %Y %H:%M:%S GMT"])
def test_retry_after_is_heard_in_both_forms(a_frame: FrameMaker, form: str) -> None:
    value = (datetime.now(UTC) + timedelta(hours=9)).strftime(form)

    failure = failure_of(httpx.Response(429, headers={"Retry-After": value}), a_frame())

    assert failure.retry_after_s in (7.0, 3600.0)


def test_an_answer_without_an_end_is_not_read_to_its_end(a_frame: FrameMaker) -> None:
    failure = failure_of(httpx.Response(200, content=(b"x" * 100_000 for _ in range(1_000_000))), a_frame())

    assert failure.problem["title"] == "an answer without an end"


def test_without_a_usable_key_nothing_is_sent_and_the_frame_waits(a_frame: FrameMaker) -> None:
    def no_key() -> str:
        raise KeyUnusable("there is no API key", "set it")

    gate, requests = gateway(read_key=no_key)
    with pytest.raises(KeyRefused):
        gate.post(a_frame())

    assert requests == []


def test_a_wrong_clock_is_told_once_the_clusters_time_is_known(a_frame: FrameMaker) -> None:
    clock = ClusterClock("this boot")
    gate, requests = gateway(cluster_clock=clock)
    taken = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
    frame = replace(a_frame(), boot_id="this boot", boot_s=50.0, captured_at=taken - timedelta(days=365, seconds=0.25))
    gate.post(frame)
    clock.heard(taken + timedelta(seconds=10), 59.999, 60.001)
    gate.post(frame)
    gate.post(replace(frame, captured_at=taken))
    gate.post(replace(frame, captured_at=taken - timedelta(days=365 * 56)))
    gate.post(replace(frame, boot_id="an earlier boot"))

    offsets = [request.headers.get("X-Clock-Offset") for request in requests]
    assert offsets == [None, f"{365 * 86400 + 0.25:.3f}", None, None, None]


def test_the_date_of_an_event_tells_the_time_and_that_of_a_strangers_page_does_not(a_frame: FrameMaker) -> None:
    date = {"Date": "Sun, 01 Mar 2026 12:00:00 GMT"}
    clock, frame = ClusterClock("this boot"), replace(a_frame(), boot_id="this boot")
    stranger, _ = gateway(lambda _: httpx.Response(200, html="<html>", headers=date), cluster_clock=clock)
    with pytest.raises(TryLater):
        stranger.post(frame)
    stranger.connect()
    assert clock.correction_s(frame) is None

    gate, _ = gateway(lambda _: httpx.Response(200, json={"status": "alive"}, headers=date), cluster_clock=clock)
    assert gate.connect()
    assert clock.correction_s(frame) is not None
