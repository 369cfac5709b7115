from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.deployment.colours import Deployed
from cluster.deployment.colours import State as Colours
from cluster.deployment.control import ApplicationDetails, Deployment, Replica
from cluster.deployment.rollout import Plan, Rollout, Step
from cluster.deployment.serve_config import generate
from cluster.deployment.shipped import shipped
from cluster.health import running
from cluster.health.finding import State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEAD = {"state": "ALIVE", "node_ip": "10.0.0.1", "is_head_node": True}
KEPT = Colours("blue", {"blue": Deployed("yunet-dlib-1", "a" * 64)}, {"blue": 100})
SWITCHED = Rollout(
    "1", "yunet-dlib-1", "a" * 64, "blue", "older", Step.COMPLETED, 1, Plan(), NOW - timedelta(days=1), NOW
)
OTHERS = {"gateway", "courier", "forecaster", "watch"}


def dead(message: str, ago: timedelta) -> dict[str, Any]:
    ended = (NOW - ago).timestamp() * 1000
    return {"state": "DEAD", "node_ip": "10.0.0.2", "state_message": message, "end_time_ms": ended}


@pytest.mark.parametrize(
    ("nodes", "state"),
    [
        ([HEAD], State.OK),
        ([HEAD, dead("health check failed", timedelta(minutes=5))], State.WARNING),
        ([HEAD, dead("health check failed", timedelta(hours=2))], State.OK),
        ([HEAD, dead("Expected termination: received SIGTERM", timedelta(minutes=5))], State.OK),
        ([HEAD | {"is_head_node": False}], State.FAILED),
        ([], State.FAILED),
    ],
)
def test_nodes_are_well_with_a_head_and_without_one_that_died_lately(nodes: list[dict[str, Any]], state: State) -> None:
    assert running.nodes(nodes, NOW).state is state


def application(name: str, status: str, wanted: int, *states: str, message: str = "") -> ApplicationDetails:
    replicas = tuple(Replica(str(number), state, None, None) for number, state in enumerate(states))
    return ApplicationDetails(name, status, message, (Deployment("D", status, message, wanted, replicas),))


def test_an_application_with_every_replica_is_well() -> None:
    found = running.replicas({"gateway": application("gateway", "RUNNING", 2, "RUNNING", "RUNNING")})
    assert (found.state, found.evidence) == (State.OK, "gateway 2/2")


def test_a_missing_replica_is_a_warning_and_none_at_all_a_failure() -> None:
    few = running.replicas({"r": application("r", "RUNNING", 2, "RUNNING", "STARTING")})
    none = running.replicas({"r": application("r", "DEPLOYING", 2, "STARTING", message="ValueError: no weights")})
    assert (few.state, none.state) == (State.WARNING, State.FAILED)
    assert "ValueError: no weights" in none.evidence


def test_serve_without_applications_has_failed() -> None:
    assert running.replicas({}).state is State.FAILED


def test_an_application_that_aims_at_no_replicas_is_well() -> None:
    assert running.replicas({"r": application("r", "RUNNING", 0)}).state is State.OK


def test_a_rollout_that_nobody_drives_is_told_with_the_way_out() -> None:
    under_way = replace(SWITCHED, step=Step.SWITCHING, updated_at=NOW - timedelta(minutes=3))
    found = running.release(under_way, KEPT, NOW, driven=False)
    assert found.state is State.WARNING
    assert "doorbell release resume" in found.next_step
    assert running.release(replace(under_way, updated_at=NOW), KEPT, NOW, driven=False).state is State.OK


def test_a_canary_that_is_held_for_an_hour_is_well_while_its_controller_lives() -> None:
    held = replace(SWITCHED, step=Step.SWITCHING, updated_at=NOW - timedelta(minutes=50))
    assert running.release(held, KEPT, NOW, driven=True).state is State.OK


def test_a_release_that_was_taken_back_is_told_with_its_reason() -> None:
    found = running.release(replace(SWITCHED, step=Step.FAILED, why="it was slower"), None, NOW, driven=False)
    assert (found.state, "it was slower" in found.evidence) == (State.OK, True)


def test_a_cluster_that_runs_what_was_meant_has_no_drift() -> None:
    found = running.configuration(generate(shipped(), KEPT), KEPT, SWITCHED, OTHERS)
    assert found.state is State.OK


@pytest.mark.parametrize(
    ("kept", "switched", "wanted", "said"),
    [
        (replace(KEPT, releases={"blue": Deployed("other")}), SWITCHED, OTHERS, "the kept state has other"),
        (KEPT, replace(SWITCHED, release="newer"), OTHERS, "the last rollout brought newer"),
        (KEPT, replace(SWITCHED, digest="b" * 64), OTHERS, "another content"),
        (KEPT, SWITCHED, {*OTHERS, "backup"}, "backup is not deployed"),
    ],
)
def test_each_drift_of_the_configuration_is_named(
    kept: Colours, switched: Rollout, wanted: set[str], said: str
) -> None:
    found = running.configuration(generate(shipped(), KEPT), kept, switched, wanted)
    assert found.state is State.WARNING
    assert said in found.evidence


def test_an_address_that_is_not_ready_says_why() -> None:
    found = running.public_address(503, "the disk is full", 3)
    assert (found.state, "the disk is full" in found.evidence) == (State.FAILED, True)
    assert running.public_address(200, "", 3).state is State.OK
