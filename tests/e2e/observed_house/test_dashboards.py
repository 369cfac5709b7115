"""Every panel's query, asked of a real Prometheus that scrapes a loaded cluster."""

from __future__ import annotations

import base64
import math
from typing import Any

import httpx
import pytest

from benchmarks.observe.house import House
from cluster.monitoring.dashboards.provisioned import queries, shipped
from samples.frames import PHOTOS
from tests.conftest import eventually
from tests.promql import as_sent

SECONDS = 180.0
"""Rules are evaluated every half minute, and a rate needs two samples."""

NEEDS_MORE = {
    ("backup", "Drill: time to recover"): "a drill",
    ("backup", "Drill: what would be lost"): "a drill",
    ("backup", "Second place behind"): "a second place",
}
"""Panels that a house of one machine has nothing for; Prometheus must still take their queries."""


def answer(prometheus: str, expr: str) -> list[float]:
    """The values, without those that are none. Fails where Prometheus does not take the query."""
    sent = httpx.get(f"{prometheus}/api/v1/query", params={"query": as_sent(expr, "5m")}, timeout=10)
    told: dict[str, Any] = sent.json()
    assert told["status"] == "success", f"{expr}: {told}"
    values = [float(each["value"][1]) for each in told["data"]["result"]]
    return [value for value in values if not math.isnan(value)]


def stir(house: House) -> None:
    """What a quiet house does not have: somebody is enrolled and erased again, and a request fails."""
    photo = PHOTOS / "stranger-1.jpg"
    frame = base64.b64encode(photo.read_bytes()).decode()
    with house.client() as api:
        api.post("/api/v1/recognition/faces", params={"subject": "guest"}, content=photo.read_bytes())
        api.delete("/api/v1/recognition/subjects/guest")
        absent = api.post("/api/v1/releases/recognizer-green/trial", json={"people": [], "frames": [frame]})
        assert absent.status_code == 503


@pytest.mark.parametrize("name", sorted(shipped()))
def test_no_panel_is_empty(observed_house: House, name: str) -> None:
    left = {(title, expr) for title, expr in queries(shipped()[name]) if (name, title) not in NEEDS_MORE}

    def all_have_answered() -> bool:
        stir(observed_house)
        left.difference_update({each for each in left if answer(observed_house.prometheus, each[1])})
        return not left

    eventually(all_have_answered, SECONDS)
    assert left == set()


def test_panels_that_need_more_ask_what_prometheus_understands(observed_house: House) -> None:
    for name, title in NEEDS_MORE:
        exprs = [expr for each, expr in queries(shipped()[name]) if each == title]
        assert exprs
        for expr in exprs:
            answer(observed_house.prometheus, expr)
