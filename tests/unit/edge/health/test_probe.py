from __future__ import annotations

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
    assert (unreachable.reached, unreachable.reason) == (False, "Connection refused")


def test_a_hotspots_sign_in_page_is_no_cluster(told: GatewaySettings) -> None:
    page = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>sign in</html>"))

    assert not probe(told, "http://gate", page).reached
