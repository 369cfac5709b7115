from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

import httpx
import pytest

from edge.errors import SettingsInvalid, TryLater
from edge.upload.addresses import Addresses, sends_in_clear
from edge.upload.connection import UNANSWERED, Answer, Connection

FIRST, SECOND, THIRD = "https://first", "https://second", "https://third"
WELL = httpx.Response(200, json={})
DEAD = httpx.ConnectError("no route")


class Net:
    """Several addresses, each with the answer it gives at present."""

    def __init__(self, **options: float) -> None:
        self.asked, self.answers, self.home = [], {}, Event()
        self.addresses = Addresses([FIRST, SECOND, THIRD])
        self.connection = Connection(self.addresses, transport=httpx.MockTransport(self._answer), **options)

    def ask(self) -> Answer:
        return self.connection.ask("POST", "/x", {}, lambda: b"body")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, request.url.host, request.content))
        answer = self.answers.get(request.url.host, WELL)
        if request.method == "GET" and answer is WELL:
            self.home.set()
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.read())

    @property
    def hosts(self) -> list[str]:
        return [host for method, host, _ in self.asked if method == "POST"]


@pytest.mark.parametrize(
    "evasive", [DEAD, httpx.ReadTimeout("slow"), httpx.Response(502), httpx.Response(503), httpx.Response(504)]
)
def test_when_an_address_gives_no_answer_the_next_one_has_the_whole_body_at_once(
    evasive: httpx.Response | Exception,
) -> None:
    net = Net()
    net.answers["first"] = evasive

    assert net.ask().status == 200
    assert net.asked == [("POST", "first", b"body"), ("POST", "second", b"body")]


def test_whoever_answers_is_asked_first_from_then_on() -> None:
    net = Net()
    net.answers["first"] = DEAD
    net.ask()
    net.ask()
    net.answers["second"] = DEAD
    net.answers["first"] = WELL
    net.ask()

    assert net.hosts == ["first", "second", "second", "second", "first"]


@pytest.mark.parametrize("status", [200, 301, 401, 422, 429, 500])
def test_any_other_answer_counts(status: int) -> None:
    net = Net()
    net.answers["first"] = httpx.Response(status)

    assert net.ask().status == status
    assert net.hosts == ["first"]


def test_a_gateway_that_says_when_to_come_back_is_not_gone_around() -> None:
    net = Net()
    net.answers["first"] = httpx.Response(503, headers={"Retry-After": "5"})

    assert net.ask().status == 503
    assert net.hosts == ["first"]


def test_when_all_fail_an_answer_says_more_than_none() -> None:
    net = Net()
    net.answers |= {"first": DEAD, "second": httpx.Response(503), "third": DEAD}
    assert net.ask().status == 503

    net.answers["second"] = DEAD
    with pytest.raises(TryLater) as raised:
        net.ask()
    assert raised.value.problem["title"] == "no answer"
    assert "https://first: ConnectError: no route" in raised.value.problem["detail"]


def test_the_first_address_is_taken_up_again_without_a_frame_that_tries_it() -> None:
    net = Net(home_s=0.01)
    net.answers["first"] = DEAD
    net.ask()
    net.answers["first"] = WELL
    assert net.home.wait(5)
    while not net.addresses.at_first:
        time.sleep(0.001)
    net.ask()

    assert net.hosts == ["first", "second", "first"]


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (httpx.ConnectTimeout("slow"), "no answer"),
        (httpx.ReadError("reset"), UNANSWERED),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] unknown"), "the gateway's certificate is not trusted"),
        (httpx.ReadError("[SSL: TLSV1_ALERT_UNKNOWN_CA] alert"), "the gateway accepts no certificate of ours"),
    ],
)
def test_a_failure_is_told_by_its_cause(error: Exception, title: str) -> None:
    net = Net()
    net.answers = dict.fromkeys(("first", "second", "third"), error)
    with pytest.raises(TryLater) as raised:
        net.ask()

    assert raised.value.problem["title"] == title
    assert "\n" not in raised.value.problem["detail"]


def test_a_closed_connection_asks_nobody() -> None:
    net = Net()
    net.connection.close()
    with pytest.raises(TryLater):
        net.ask()

    assert net.asked == []


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("http://gate.example", True),
        ("http://192.168.1.5:8000", True),
        ("http://127.0.0.2", False),
        ("http://[::1]:8000", False),
        ("http://localhost", False),
        ("https://gate.example", False),
    ],
)
def test_who_can_read_the_key_on_the_way(url: str, clear: bool) -> None:
    assert sends_in_clear(httpx.URL(url)) is clear


def test_a_key_in_the_clear_is_warned_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    Connection(Addresses(["http://user:word@gate.example", "http://127.0.0.1"]))

    assert capsys.readouterr().out.count("gateway.unencrypted") == 1


def test_an_address_that_is_none_is_said_at_the_start() -> None:
    with pytest.raises(SettingsInvalid):
        Addresses(["https://good", "ftp://bad"])


def test_an_answer_that_is_no_json_is_none(answer_of: Callable[[bytes], Answer]) -> None:
    assert answer_of(b"<html>").json is None
    assert answer_of(b"[" * 100_000).json is None
    assert answer_of(b"a\n\xff  b").quote == "a � b"


@pytest.fixture
def answer_of() -> Callable[[bytes], Answer]:
    return lambda body: Answer(200, "OK", httpx.Headers(), body, 0.0, 0.0)
