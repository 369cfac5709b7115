"""Rollbacks by hand and by alerts, with a cluster that is a state in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from cluster.cli.guard import AGAIN_SECONDS, watch
from cluster.deployment.colours import Deployed, State
from cluster.deployment.control import DashboardUnreachable, Serve
from cluster.deployment.driver import Driver
from cluster.deployment.guard import Guard
from cluster.deployment.history import History, RolloutError
from cluster.deployment.rollback import ServeOnly, begun, known_digest, to_standby
from cluster.deployment.rollout import Colour, Plan, Rollout, Standing, Step
from cluster.deployment.serve_config import generate, state_of
from cluster.deployment.shipped import shipped
from cluster.security.alerts import Alert, AlertStore
from cluster.security.audit import Entry, metadata, newest, walk
from serve_apps.database import connect

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
DIGEST = "1" * 64
BOTH = State("green", {"green": Deployed("new-1", DIGEST), "blue": Deployed("old-1")}, {"green": 100})


@dataclass
class FakeCluster:
    """Also what a Driver needs to start a release."""

    now: datetime = START
    current: State = BOTH
    down: bool = False
    trouble_said: str | None = None
    done: list[str] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def state(self) -> State:
        if self.down:
            raise DashboardUnreachable("Ray's dashboard does not answer")
        return self.current

    def standing(self, rollout: Rollout) -> Standing:
        return Standing.ABSENT

    def prepare(self, rollout: Rollout) -> Iterator[str]:
        self.done.append(f"prepare {rollout.release}")
        yield "looking for room"

    def deploy(self, rollout: Rollout, epoch: int) -> None:
        self.done.append(f"deploy {rollout.release} as {rollout.colour}")

    def mark(self) -> None:
        return None

    def trouble(self, colour: str) -> str | None:
        return self.trouble_said

    def finish(self, switched: Colour | Rollout, epoch: int) -> None:
        colour = switched.colour if isinstance(switched, Rollout) else switched
        self.done.append(f"finish {colour}")
        self.current = replace(self.current, live=colour, weights={colour: 100})

    def withdraw(self, rollout: Rollout, epoch: int) -> None:
        self.done.append("withdraw")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path}/doorbell.db")
    metadata.create_all(engine)
    return engine


@pytest.fixture
def history(engine: Engine) -> History:
    return History(engine)


def switched(history: History, release: str = "new-1", before: str = "old-1", **changes: object) -> Rollout:
    row = Rollout(release[:16], release, DIGEST, "green", before, Step.COMPLETED, 0, Plan(), START, START)
    row = replace(row, **changes)
    number = history.claim(row.updated_at)
    history.write(row, number, row.updated_at)
    history.release_claim(number, row.updated_at)
    return row


def alarm(engine: Engine, at: datetime) -> Alert:
    alert = Alert(f"f{at:%H%M%S}", at, "TooSlow", "p99 is 3 s")
    assert AlertStore(engine).keep([alert], "key 1", at) == 1
    return alert


def a_guard(history: History, cluster: FakeCluster, hours: float = 24) -> Guard:
    @contextmanager
    def reach() -> Iterator[FakeCluster]:
        yield cluster

    return Guard(history, reach, cluster.clock, timedelta(hours=hours))


def told(engine: Engine) -> list[tuple[str, str]]:
    return [(row.action, row.object) for row in newest(engine, 100) if not row.action.startswith("alert.kept")]


# By hand


def test_the_release_that_stands_by_takes_the_traffic_at_once(history: History, engine: Engine) -> None:
    cluster = FakeCluster()
    row = to_standby(cluster, history, history.claim(START), START, "by hand")

    assert cluster.done == ["finish blue"]
    assert history.newest(1) == [row]
    assert (row.release, row.before, row.step, row.why) == ("old-1", "new-1", Step.COMPLETED, "by hand, from new-1")
    assert row.is_rollback
    assert told(engine) == [("rollback.completed", "old-1")]


def test_without_a_release_that_stands_by_nothing_is_done(history: History) -> None:
    cluster = FakeCluster(current=State("green", {"green": Deployed("new-1")}, {"green": 100}))
    with pytest.raises(RolloutError, match="no release stands by"):
        to_standby(cluster, history, history.claim(START), START, "by hand")
    assert cluster.done == []


def test_a_rollback_waits_for_the_end_of_a_rollout(history: History) -> None:
    switched(history, step=Step.SWITCHING)
    with pytest.raises(RolloutError, match="a rollout has not ended"):
        to_standby(FakeCluster(), history, history.claim(START), START, "by hand")


def test_only_a_release_that_was_live_can_be_gone_back_to(history: History) -> None:
    switched(history, "first-2", "first-1")
    switched(history, "never-1", step=Step.FAILED)

    assert known_digest("old-1", BOTH, history) is None
    assert known_digest("first-2", BOTH, history) == DIGEST
    assert known_digest("first-1", BOTH, history) == ""
    with pytest.raises(RolloutError, match="new-1 is live already"):
        known_digest("new-1", BOTH, history)
    with pytest.raises(RolloutError, match="never-1 was never live; 'doorbell release deploy never-1'"):
        known_digest("never-1", BOTH, history)
    with pytest.raises(RolloutError, match="the registry's first-2 is another one than was live"):
        begun("first-2", DIGEST, "2" * 64, BOTH, START, "by hand")


def test_another_release_is_started_and_switched_to_without_a_watch(history: History, engine: Engine) -> None:
    cluster = FakeCluster()
    alarm(engine, START + timedelta(seconds=1))  # it is the live release that is meant
    row = begun("first-1", "", DIGEST, BOTH, START, "by hand")
    driver = Driver(row, history.claim(START), history, cluster, cluster.clock, cluster.sleep, lambda *_: None)

    ended = driver.run()

    assert (ended.step, ended.why) == (Step.COMPLETED, "by hand, from new-1")
    assert cluster.done == ["prepare first-1", "deploy first-1 as blue", "finish blue"]
    assert cluster.now == START
    steps = ["preparing", "deploying", "validating", "switching", "completed"]
    assert told(engine) == [(f"rollback.{step}", "first-1") for step in steps]


def test_one_that_does_not_start_leaves_the_live_release(history: History) -> None:
    cluster = FakeCluster(trouble_said="its weights are gone")
    row = begun("first-1", "", DIGEST, BOTH, START, "by hand")
    driver = Driver(row, history.claim(START), history, cluster, cluster.clock, cluster.sleep, lambda *_: None)

    assert driver.run().why == "first-1 did not start: its weights are gone"
    assert cluster.done[-1] == "withdraw"


def test_serve_is_given_the_switched_config(tmp_path: Path) -> None:
    config = generate(shipped(), replace(BOTH, epoch=3))
    put: list[State] = []

    def serve(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            put.append(state_of(json.loads(request.content)))
            return httpx.Response(200)
        applications = {each["name"]: {"deployed_app_config": each} for each in config["applications"]}
        shown = {key: value for key, value in config.items() if key != "applications"}
        return httpx.Response(200, json=shown | {"applications": applications})

    kept: list[State] = []
    with Serve("http://dashboard", "token", httpx.MockTransport(serve)) as opened:
        ServeOnly(opened, kept.append).finish("blue", 7)

    assert put == kept
    assert (put[0].live, put[0].weights.get("green", 0), put[0].epoch) == ("blue", 0, 7)
    assert put[0].releases == BOTH.releases


# By an alert


def test_an_alert_after_the_switch_takes_the_release_back_once(history: History, engine: Engine) -> None:
    switch = switched(history)
    cluster = FakeCluster(START + timedelta(hours=1))
    guard = a_guard(history, cluster)
    assert guard.look() is None
    alert = alarm(engine, cluster.now)

    assert guard.look() == "old-1 has the traffic again: alert TooSlow: p99 is 3 s, from new-1"

    assert cluster.done == ["finish blue"]
    assert told(engine)[1:] == [("alert.takes_back", "new-1"), ("rollback.completed", "old-1")]
    decided: Entry = next(row for row in newest(engine, 9) if row.action == "alert.takes_back")
    assert (decided.details["fingerprint"], decided.details["rollout"]) == (alert.fingerprint, switch.id)
    cluster.sleep(60)
    alarm(engine, cluster.now)
    assert (guard.look(), a_guard(history, cluster).look()) == (None, None)
    assert walk(engine).rows == 5


def test_an_alert_from_before_the_rollout_takes_nothing_back(history: History, engine: Engine) -> None:
    switched(history)
    alarm(engine, START)
    assert a_guard(history, FakeCluster()).look() is None


def test_a_switch_that_is_long_past_stays(history: History, engine: Engine) -> None:
    switched(history)
    cluster = FakeCluster(START + timedelta(hours=3))
    alarm(engine, cluster.now)
    assert a_guard(history, cluster, hours=2).look() is None
    assert a_guard(history, cluster, hours=4).look() is not None


def test_a_guard_that_was_killed_after_the_switch_does_not_switch_again(history: History, engine: Engine) -> None:
    switched(history)
    alarm(engine, START + timedelta(seconds=1))
    cluster = FakeCluster(START + timedelta(seconds=2))
    cluster.finish("blue", 1)  # and no row of it in the history

    said = a_guard(history, cluster).look()

    assert said == "alert TooSlow: p99 is 3 s: old-1 is live instead of new-1; nothing is done"
    assert cluster.done == ["finish blue"]


def test_nothing_that_stands_by_is_said_once(history: History, engine: Engine) -> None:
    switched(history)
    alarm(engine, START + timedelta(seconds=1))
    cluster = FakeCluster(START, State("green", {"green": Deployed("new-1")}, {"green": 100}))
    guard = a_guard(history, cluster)

    assert "no release stands by" in str(guard.look())
    assert guard.look() is None


def test_a_guard_leaves_a_rollout_to_its_driver(history: History, engine: Engine) -> None:
    switched(history)
    switched(history, "newer-1", "new-1", step=Step.SWITCHING)
    alarm(engine, START + timedelta(seconds=1))
    assert a_guard(history, FakeCluster()).look() is None


def test_a_guard_tries_again_when_serve_is_away_and_says_so_once(history: History, engine: Engine) -> None:
    switched(history)
    alarm(engine, START + timedelta(seconds=1))
    cluster, said, slept = FakeCluster(START + timedelta(seconds=2), down=True), [], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        cluster.down = len(slept) < 3
        if len(slept) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(a_guard(history, cluster), 1.0, sleep, said.append)

    assert said[0] == "Ray's dashboard does not answer"
    assert said[1:] == ["old-1 has the traffic again: alert TooSlow: p99 is 3 s, from new-1"]
    assert slept == [AGAIN_SECONDS] * 3 + [1.0]
