"""The policy, the recorded load and nodes that come and go, on a real cluster with the real recognizers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from benchmarks.faulty_policies import TOLD
from serve_apps.database import connect
from serve_apps.load.facts import Facts
from serve_apps.load.store import LoadStore
from tests.conftest import eventually
from tests.integration.conftest import RunningCluster
from tests.integration.rollouts import doors
from tests.integration.scaling import RECOGNIZER, all_well, explained, node, recognizers, replicas
from tests.integration.test_cluster import post

QUICK = {"requests_per_replica": 0.03, "spare": 0.0, "down_after_s": 6.0, "restart_pays_s": 0.0}
"""Doors want three of them, a frame a second one."""
POLICY = {"policy_function": "benchmarks.faulty_policies:FailsWhenTold", "policy_kwargs": QUICK}
HEAVY = {"num_cpus": 1.7}
"""Two recognizers of that fit the head's four CPUs beside the rest, a third one needs another node."""


@pytest.fixture(scope="module")
def scaled(cluster: RunningCluster) -> Iterator[RunningCluster]:
    """The cluster with recognizers of which any load wants three, and none one."""
    with recognizers(cluster, {"min_replicas": 1, "max_replicas": 3, "policy": POLICY}, ray_actor_options=HEAVY):
        assert eventually(lambda: replicas(cluster) == (1, 1))
        yield cluster


def recorded(cluster: RunningCluster) -> int:
    engine = connect(f"sqlite:///{cluster.data}/doorbell.db")
    rows = LoadStore(engine).rows(1, 0, time.time() + 60)
    engine.dispose()
    return sum(sum(row.admitted) + sum(row.refused) for row in rows)


def failed(seen: dict[str, int]) -> list[str]:
    return [what for what in seen if what.startswith("failed")]


def test_load_is_recorded_and_a_killed_gateway_loses_no_written_second(cluster, frames):
    before = recorded(cluster)
    with cluster.client() as api:
        for number in range(10):
            post(api, frames["nobody"], camera=f"door-{number}")
        assert eventually(lambda: recorded(cluster) == before + 10)
        (gateway,) = cluster.processes("ServeReplica:gateway")
        gateway.kill()
        assert eventually(lambda: cluster.processes("ServeReplica:gateway") not in ([], [gateway]))
        assert eventually(lambda: post(api, frames["nobody"]).status_code == 200)
        assert eventually(lambda: recorded(cluster) >= before + 11)


def test_gateways_say_which_weights_they_obey_and_the_forecaster_forecasts(cluster):
    engine = connect(f"sqlite:///{cluster.data}/doorbell.db")
    facts = Facts(engine, lambda: datetime.now(UTC))
    found = eventually(lambda: (read := facts.read()).keys() >= {"routing", "forecast"} and read)
    engine.dispose()

    assert found["routing"][1]["weights"][RECOGNIZER] > 0
    assert "method" in found["forecast"][1]


def test_recognizers_follow_the_load_up_and_a_killed_controller_keeps_their_number(scaled, household, frames):
    with doors(scaled, frames) as seen:
        assert eventually(lambda: replicas(scaled) == (3, 2)), "a third one has no room"
        (controller,) = scaled.processes("ServeController")
        controller.kill()
        assert eventually(lambda: scaled.processes("ServeController") not in ([], [controller]))
        looks = [replicas(scaled) for _ in range(15) if not time.sleep(0.2)]

    assert {target for target, _ in looks if target is not None} == {3}
    assert not failed(seen)


def test_nodes_that_join_and_leave_under_load_cost_no_frame(scaled, household, frames):
    with doors(scaled, frames) as seen, node(scaled) as first:
        assert eventually(first.held), f"it takes no replica: {replicas(scaled)} {explained(scaled)}"
        with node(scaled) as second:
            first.drain()
            assert eventually(second.held), "a drained node's replica is somewhere else before it ends"
            assert eventually(lambda: first.held() == 0)
            first.end()
            second.kill()
            assert eventually(lambda: replicas(scaled) == (3, 2)), "a dead node's replica is gone"
    assert sum(seen.values()) > 20
    assert not failed(seen)


def test_recognizers_follow_the_load_down_without_a_failed_frame(scaled, household, frames):
    with doors(scaled, frames) as seen:
        assert eventually(lambda: replicas(scaled)[1] == 2)
    with scaled.client() as api:
        answers = []
        while (found := replicas(scaled)) != (1, 1) and len(answers) < 30:
            answers.append(post(api, frames["nobody"]).status_code)
            time.sleep(3)  # closer together, on a slow machine one is always under way

    assert found == (1, 1)
    assert set(answers) == {200}
    assert not failed(seen)


def test_a_policy_that_fails_holds_its_target_and_the_other_applications_go_on(scaled, household, frames):
    (scaled.data / TOLD).touch()
    try:
        assert eventually(lambda: explained(scaled).get("errors", 0) > 1)
        before = replicas(scaled)[0]
        (forecaster,) = scaled.processes("ServeReplica:forecaster")
        forecaster.kill()
        with doors(scaled, frames) as seen:
            assert eventually(lambda: scaled.processes("ServeReplica:forecaster") not in ([], [forecaster]))
            assert eventually(lambda: all_well(scaled))
            told = explained(scaled)
        assert replicas(scaled)[0] == before
    finally:
        (scaled.data / TOLD).unlink()
    assert "because the policy failed: RuntimeError: this policy was told to fail" in told["why"]
    assert not failed(seen)
