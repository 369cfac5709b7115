from __future__ import annotations

import json

import httpx
import pytest

from edge.errors import EnrolmentFailed
from edge.upload.addresses import Addresses
from edge.upload.connection import Connection
from edge.upload.enrolment import enrol


def asking(answer: httpx.Response | Exception) -> tuple[Connection, list[httpx.Request]]:
    requests = []

    def give(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Connection(Addresses(["https://gate"]), transport=httpx.MockTransport(give)), requests


def test_a_code_is_exchanged_for_a_key() -> None:
    connection, (requests) = asking(httpx.Response(201, json={"id": "d1", "name": "front", "key": "dk_secret"}))
    enrolled = enrol(connection, " 7K4F-9QXT\n")

    assert (enrolled.device_id, enrolled.name, enrolled.key) == ("d1", "front", "dk_secret")
    assert "dk_secret" not in repr(enrolled)
    (request,) = requests
    assert (request.method, request.url.path) == ("POST", "/api/v1/devices")
    assert json.loads(request.content) == {"code": "7K4F-9QXT"}
    assert "X-API-Key" not in request.headers


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(404, json={}), "does not know this code"),
        (httpx.Response(410, json={}), "used already or is too old"),
        (httpx.Response(422, json={}), "does not take this for a code"),
        (httpx.Response(429, json={}), "too many"),
        (httpx.Response(301, headers={"Location": "https://elsewhere"}), "the answer was 301"),
        (httpx.Response(201, html="<html>"), "holds no key"),
        (httpx.Response(201, json={"id": "d1", "name": "front", "key": None}), "holds no key"),
        (httpx.Response(201, json={"id": "d1", "name": "front", "key": "two\nlines"}), "holds no key"),
        (httpx.ConnectError("no route"), "no answer: https://gate"),
    ],
)
def test_what_gives_no_key_is_said_in_one_line(answer: httpx.Response | Exception, said: str) -> None:
    with pytest.raises(EnrolmentFailed) as raised:
        enrol(asking(answer)[0], "7K4F-9QXT")

    assert said in str(raised.value)
    assert "7K4F" not in str(raised.value)
    assert "\n" not in str(raised.value)
