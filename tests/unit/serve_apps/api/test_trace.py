from __future__ import annotations

import pytest
from fastapi import Request

from serve_apps.api.trace import trace_id, trace_of

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def request(*traceparents: str) -> Request:
    headers = [(b"traceparent", value.encode()) for value in traceparents]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    "header",
    [f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00", f"01-{TRACE}-{PARENT}-01", f"cc-{TRACE}-{PARENT}-01-more"],
)
def test_a_valid_header_gives_its_trace(header: str) -> None:
    assert trace_id(header) == TRACE


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01-",
        f"cc-{TRACE}-{PARENT}-01more",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f" 00-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
    ],
)
def test_an_invalid_header_gives_none(header: str) -> None:
    assert trace_id(header) is None


def test_a_request_has_a_trace_when_it_names_one_alone() -> None:
    valid, other = f"00-{TRACE}-{PARENT}-01", f"00-{'a' * 32}-{PARENT}-01"

    assert trace_of(request(valid)) == TRACE
    assert trace_of(request()) is None
    assert trace_of(request(valid, other)) is None
