"""What a rollout puts into Serve's config, on one that is kept in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from cluster.deployment.changes import Changes
from cluster.deployment.colours import Deployed, State
from cluster.deployment.control import ApplicationDetails, Deployment, Replica, Serve, ServeError
from cluster.deployment.rollout import Plan, Rollout, Standing, Step
from cluster.deployment.running import TakenBack
from cluster.deployment.serve_config import generate, state_of
from cluster.deployment.shipped import shipped

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
NEW = "2" * 64
AT_REST = State("blue", {"blue": Deployed("old-1"), "green": Deployed("older-1", "3" * 64)}, {"blue": 100}, epoch=4)
ROLLOUT = Rollout("r1", "new-1", NEW, "green", "old-1", Step.SWITCHING, 0, Plan(), NOW, NOW)


@dataclass
class FakeServe:
    current: dict[str, Any]
    replicas: int = 2

    def config(self) -> dict[str, Any]:
        return self.current

    def put(self, config: dict[str, Any]) -> None:
        self.current = config

    def details(self) -> dict[str, ApplicationDetails]:
        running = tuple(Replica(str(number), "RUNNING", 1, "n") for number in range(self.replicas))
        one = Deployment("Recognizer", "HEALTHY", "", self.replicas, running)
        return {"recognizer-blue": ApplicationDetails("recognizer-blue", "RUNNING", "", (one,))}

    def least(self, colour: str) -> int:
        (found,) = (each for each in self.current["applications"] if each["name"] == f"recognizer-{colour}")
        return int(found["deployments"][0]["autoscaling_config"]["min_replicas"])


@pytest.fixture
def serve() -> FakeServe:
    return FakeServe(generate(shipped(), AT_REST))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.deployment.changes.TAKEN_SECONDS", 0.0)


def changes(serve: FakeServe) -> Changes:
    return Changes(cast(Serve, serve), lambda _: None, lambda: Counter({"front": 1}))


def test_a_release_starts_with_as_many_replicas_as_the_live_one_has(serve: FakeServe) -> None:
    serve.replicas = 5
    changes(serve).deploy(ROLLOUT, 5)
    assert serve.least("green") == 5
    serve.replicas = 7
    assert changes(serve).grown(ROLLOUT, 5)
    assert serve.least("green") == 7
    assert not changes(serve).grown(ROLLOUT, 5)


def test_a_share_is_a_lease_and_a_renewal_moves_only_its_end(serve: FakeServe) -> None:
    hands = changes(serve)
    hands.deploy(ROLLOUT, 5)
    hands.share(ROLLOUT, 50, NOW, 5)
    given = state_of(serve.current)
    hands.renew(ROLLOUT, NOW + timedelta(seconds=10), 5)
    renewed = state_of(serve.current)
    assert given.lease is not None
    assert renewed.lease == replace(given.lease, until=NOW + timedelta(seconds=10))
    assert renewed.weights == given.weights


def test_no_traffic_goes_to_another_release_at_the_same_colour(serve: FakeServe) -> None:
    before = serve.current
    for change in (
        lambda: changes(serve).share(ROLLOUT, 50, NOW, 5),
        lambda: changes(serve).finish(ROLLOUT, 5),
    ):
        with pytest.raises(TakenBack, match="green runs older-1 in place of new-1"):
            change()
    assert serve.current == before
    assert changes(serve).standing(ROLLOUT) is Standing.ABSENT


def test_taking_back_what_is_no_longer_there_ends_a_lease_that_another_release_has(serve: FakeServe) -> None:
    older = replace(ROLLOUT, release="older-1", digest="3" * 64)
    changes(serve).share(older, 50, NOW, 5)
    changes(serve).withdraw(ROLLOUT, 6)
    left = state_of(serve.current)
    assert (left.weights, left.lease, left.releases) == ({"blue": 10_000}, None, AT_REST.releases)


def test_what_has_the_traffic_for_good_is_taken_back_to_the_one_that_stands_by(serve: FakeServe) -> None:
    hands = changes(serve)
    hands.deploy(ROLLOUT, 5)
    hands.finish(ROLLOUT, 5)
    assert hands.standing(ROLLOUT) is Standing.LIVE
    hands.withdraw(ROLLOUT, 6)
    back = state_of(serve.current)
    assert (back.live, back.weights, back.releases["green"].name) == ("blue", {"blue": 10_000}, "new-1")


def test_what_is_taken_back_ends_and_leaves_the_live_one(serve: FakeServe) -> None:
    hands = changes(serve)
    hands.deploy(ROLLOUT, 5)
    hands.share(ROLLOUT, 100, NOW, 5)
    hands.withdraw(ROLLOUT, 5)
    assert state_of(serve.current).releases == {"blue": AT_REST.releases["blue"]}


def test_a_controller_that_was_overtaken_changes_nothing(serve: FakeServe) -> None:
    hands = changes(serve)
    hands.deploy(ROLLOUT, 9)
    before = serve.current
    with pytest.raises(ServeError, match="controller 9 has changed the cluster; this one, 8, stops"):
        hands.share(ROLLOUT, 50, NOW, 8)
    assert serve.current == before
