from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from edge.health.probe import probe
from edge.settings import GatewaySettings


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> GatewaySettings:
    monkeypatch.setenv("DOORBELL_EDGE_KEY", "key")
    return GatewaySettings(url="http://gate")


def answering(status: int, body: object) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(status, json=body))


def test_a_cluster_that_knows_the_key_tells_the_devices_name_and_its_time(told: GatewaySettings) -> None:
    an_hour_ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    found = probe(told, "http://gate", answering(200, {"time": an_hour_ahead, "device": {"id": "a", "name": "porch"}}))

    assert (found.reached, found.key_valid, found.device) == (True, True, "porch")
    assert found.offset_s == pytest.approx(3600, abs=5)


def test_a_key_that_is_refused_is_told_from_a_cluster_that_is_away(told: GatewaySettings) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    refused = probe(told, "http://gate", answering(401, {"detail": "this API key is unknown"}))
    unreachable = probe(told, "http://gate", httpx.MockTransport(away))

    assert (refused.reached, refused.key_valid) == (True, False)
    assert "401" in refused.reason
    assert (unreachable.reached, unreachable.reason) == (False, "ConnectError: Connection refused")


def test_a_hotspots_sign_in_page_is_no_cluster(told: GatewaySettings) -> None:
    page = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>sign in</html>"))

    assert not probe(told, "http://gate", page).reached


@pytest.mark.parametrize("body", [{}, {"device": "porch", "time": 5}, {"device": [1], "time": "0001-01-01T00:00:00"}])
def test_an_odd_answer_tells_neither_a_name_nor_the_time(told: GatewaySettings, body: object) -> None:
    found = probe(told, "http://gate", answering(200, body))

    assert (found.reached, found.device, found.offset_s) == (True, "", None)


def test_a_page_without_an_end_is_not_read_to_its_end(told: GatewaySettings) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            sent.append(1)
            yield bytes(100_000)

    page = httpx.MockTransport(lambda _: httpx.Response(200, content=endless()))

    assert not probe(told, "http://gate", page).reached
    assert len(sent) < 100


def test_no_proxy_of_the_environment_hears_the_key(told: GatewaySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks9://nobody")

    assert "socks9" not in probe(told, "http://127.0.0.1:1").reason
