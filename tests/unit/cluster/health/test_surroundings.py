from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.health import surroundings
from cluster.health.finding import State
from cluster.health.surroundings import Disk
from cluster.security.devices import Device

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GB = 10**9


def device(seen_ago: float, camera: str = "well", frames: int = 0) -> Device:
    report: dict[str, Any] = {"cameras": [{"id": "front", "state": camera}], "spool": {"frames": frames}}
    seen = NOW - timedelta(seconds=seen_ago)
    return Device("1", "porch", NOW, None, seen, 30.0, 0.0, report)


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        ([], State.OK, "no box"),
        ([device(5)], State.OK, "1 well; 0 frames"),
        ([device(5), device(600)], State.FAILED, "silent: porch"),
        ([device(5, camera="black")], State.WARNING, "porch/front black"),
        ([device(5, frames=500)], State.WARNING, "500 frames wait"),
    ],
)
def test_boxes_that_are_silent_or_not_well_are_named(found: list[Device], state: State, said: str) -> None:
    finding = surroundings.devices(found, NOW)
    assert finding.state is state
    assert said in finding.evidence


@pytest.mark.parametrize(("days", "state"), [(-1, State.FAILED), (10, State.WARNING), (60, State.OK)])
def test_the_certificate_that_ends_first_counts(days: int, state: State) -> None:
    ends = {"a.pem": NOW + timedelta(days=90), "b.pem": NOW + timedelta(days=days)}
    found = surroundings.certificates(ends, NOW)
    assert found.state is state
    assert "b.pem" in found.evidence


def test_without_certificates_there_is_nothing_to_renew() -> None:
    assert surroundings.certificates({}, NOW).state is State.OK


@pytest.mark.parametrize(
    ("free", "full_in", "state"),
    [
        (50 * GB, None, State.OK),
        (50 * GB, 3600.0, State.FAILED),
        (50 * GB, 86_400.0, State.WARNING),
        (50 * GB, 1e7, State.OK),
        (4 * GB, None, State.WARNING),
        (10**8, None, State.FAILED),
    ],
)
def test_a_disk_is_judged_by_its_room_and_by_when_that_ends(free: int, full_in: float | None, state: State) -> None:
    assert surroundings.disks([Disk("/", free, 100 * GB, full_in)]).state is state


@pytest.mark.parametrize(
    ("offsets", "state"),
    [
        ({}, State.UNKNOWN),
        ({"a": 0.3, "b": -1.0}, State.OK),
        ({"a": -3.0}, State.WARNING),
        ({"a": 90.0}, State.FAILED),
    ],
)
def test_clocks_are_judged_by_the_one_that_is_furthest_off(offsets: dict[str, float], state: State) -> None:
    assert surroundings.clocks(offsets).state is state


def alert(name: str, severity: str, state: str = "firing") -> dict[str, Any]:
    annotations = {"runbook": f"docs/runbooks/{name}.md"}
    return {"state": state, "labels": {"alertname": name, "severity": severity}, "annotations": annotations}


def rule(*alerts: dict[str, Any], health: str = "ok") -> dict[str, Any]:
    return {"name": "down", "alerts": list(alerts), "health": health}


def test_alerts_that_fire_are_told_the_grave_ones_first_with_a_runbook() -> None:
    down = rule(alert("down", "page"), alert("down", "page"))
    found = surroundings.alerts([rule(alert("late", "ticket")), down])
    assert (found.state, found.evidence) == (State.FAILED, "3 fire: down, late")
    assert found.next_step == "docs/runbooks/down.md"


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ([rule()], State.OK),
        ([rule(alert("down", "page", "pending"))], State.OK),
        ([rule(alert("late", "ticket"))], State.WARNING),
        ([rule(health="err")], State.WARNING),
        ([], State.FAILED),
    ],
)
def test_a_ticket_is_a_warning_and_without_rules_nothing_can_fire(found: list[Any], state: State) -> None:
    assert surroundings.alerts(found).state is state
