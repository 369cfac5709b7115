"""A rollout's way through its steps, with a cluster that does what a test says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.deployment.driver import Driver, TakenBack
from cluster.deployment.history import History, RolloutError
from cluster.deployment.judge import Seen
from cluster.deployment.rollout import Plan, Rollout, Step, resumed
from cluster.deployment.validate import Answer, Tried
from cluster.security.api_keys import metadata
from serve_apps.database import connect

START = datetime(2026, 11, 24, 8, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class FakeCluster:
    clock: Clock
    refuses: str = ""
    trouble_from: float = float("inf")
    milliseconds: float = 20.0
    public: str | None = None
    right: bool = True
    done: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    begun: datetime | None = None

    def prepare(self, release: str, colour: str) -> None:
        if self.refuses:
            raise TakenBack(self.refuses)
        self.done.append("prepare")

    def deploy(self, release: str, digest: str, colour: str, epoch: int) -> None:
        self.begun = self.clock.now
        self.done.append(f"deploy {colour}")

    def trouble(self, colour: str) -> str | None:
        assert self.begun is not None
        late = (self.clock.now - self.begun).total_seconds() >= self.trouble_from
        return "its health check fails" if late else None

    def share(self, colour: str, percent: float, until: datetime | None, epoch: int) -> None:
        self.done.append(f"share {percent:g}")

    def mark(self) -> object:
        return self.clock.now

    def seen(self, release: str, since: object) -> tuple[Seen, Seen]:
        assert isinstance(since, datetime)
        count = int((self.clock.now - since).total_seconds() * 10)
        return Seen(0, [20.0] * count), Seen(0, [self.milliseconds] * count)

    def finish(self, colour: str, epoch: int) -> None:
        self.done.append("finish")

    def withdraw(self, release: str, colour: str, epoch: int) -> None:
        self.done.append("withdraw")

    def tried(self, colour: str | None) -> Tried:
        said = "known" if colour is None or self.right else "unknown"
        return Tried([Answer(f"{n}.jpg", "known", said, 20.0) for n in range(10)], {1: [100]})

    def deciding(self, release: str) -> str | None:
        return self.public


@pytest.fixture
def history(tmp_path: Path) -> History:
    engine = connect(f"sqlite:///{tmp_path}/doorbell.db")
    metadata.create_all(engine)
    return History(engine)


def rollout(step: Step = Step.PREPARING, plan: Plan = Plan(bake_seconds=5)) -> Rollout:
    return Rollout("r1", "sface-1", "0" * 64, "green", "dlib-1", step, 0, plan, START, START)


def drive(history: History, cluster: FakeCluster, begun: Rollout, lease: datetime | None = None) -> Rollout:
    number = history.claim(cluster.clock.now)
    said = Driver(begun, number, history, cluster, cluster.clock, cluster.clock.sleep, lambda *_: None)
    return said.run(lease)


def test_a_good_release_takes_the_traffic_and_the_history_keeps_it(history: History) -> None:
    cluster = FakeCluster(Clock())
    ended = drive(history, cluster, rollout())
    assert ended.step is Step.COMPLETED
    assert cluster.done == ["prepare", "deploy green", "share 100", "finish"]
    assert history.newest(1) == [ended]
    assert history.unfinished() is None


def test_a_canary_goes_through_its_shares(history: History) -> None:
    cluster = FakeCluster(Clock())
    plan = Plan(shares=(1, 25, 100), hold_seconds=3, requests=30, bake_seconds=5)
    assert drive(history, cluster, rollout(plan=plan)).step is Step.COMPLETED
    assert cluster.done[2:5] == ["share 1", "share 25", "share 100"]


def test_what_cannot_be_prepared_never_reaches_the_cluster(history: History) -> None:
    cluster = FakeCluster(Clock(), refuses="Aunt Ada cannot be embedded")
    ended = drive(history, cluster, rollout())
    assert (ended.step, ended.why) == (Step.FAILED, "Aunt Ada cannot be embedded")
    assert cluster.done == ["withdraw"]


def test_a_release_that_turns_ill_before_traffic_comes_gets_none(history: History) -> None:
    cluster = FakeCluster(Clock(), trouble_from=3)
    ended = drive(history, cluster, rollout())
    assert ended.step is Step.FAILED
    assert "its health check fails" in ended.why
    assert cluster.done == ["prepare", "deploy green", "withdraw"]


def test_a_release_that_answers_golden_frames_wrongly_gets_no_traffic(history: History) -> None:
    cluster = FakeCluster(Clock(), right=False)
    ended = drive(history, cluster, rollout())
    assert ended.step is Step.FAILED
    assert ended.why.startswith("0 of 10 golden frames were answered as expected, 100% are needed; 0.jpg was unknown")
    assert cluster.done == ["prepare", "deploy green", "withdraw"]


def test_a_release_that_is_slower_is_taken_back_with_the_numbers(history: History) -> None:
    cluster = FakeCluster(Clock(), milliseconds=100.0)
    ended = drive(history, cluster, rollout(plan=Plan(shares=(10, 100), hold_seconds=30)))
    assert ended.step is Step.FAILED
    assert ended.why.startswith("at 10 % of the traffic, after ")
    assert "p99 100 and 20 ms" in ended.why
    assert "share 100" not in cluster.done


def test_other_answers_at_the_public_address_take_it_back(history: History) -> None:
    cluster = FakeCluster(Clock(), public="dlib-1 decided a frame")
    assert drive(history, cluster, rollout()).step is Step.FAILED
    assert cluster.done[-1] == "withdraw"


def test_too_few_requests_in_the_time_take_it_back(history: History) -> None:
    cluster = FakeCluster(Clock())
    plan = Plan(shares=(1, 100), requests=1000, most_seconds=10)
    ended = drive(history, cluster, rollout(plan=plan))
    assert ended.why == "at 1 % only 100 of 1000 requests came within 10 s"


@pytest.mark.parametrize("step", [Step.PREPARING, Step.DEPLOYING, Step.VALIDATING, Step.SWITCHING])
def test_a_controller_that_was_killed_goes_on_where_it_was(history: History, step: Step) -> None:
    cluster = FakeCluster(Clock(), begun=START)
    lease = START + timedelta(seconds=30)
    assert drive(history, cluster, rollout(step), lease).step is Step.COMPLETED


def test_one_that_was_away_for_longer_than_its_lease_cleans_up(history: History) -> None:
    cluster = FakeCluster(Clock(), begun=START)
    assert drive(history, cluster, rollout(Step.SWITCHING), START - timedelta(seconds=1)).step is Step.FAILED
    assert cluster.done == ["withdraw"]
    assert resumed(rollout(Step.ROLLING_BACK), None, START) is Step.ROLLING_BACK


def test_two_controllers_at_once_are_impossible(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    first = history.claim(START)
    with pytest.raises(RolloutError, match="another rollout is driven by process"):
        history.claim(START)
    second = history.claim(START + timedelta(seconds=16))
    with pytest.raises(RolloutError, match="another controller has taken over"):
        history.write(rollout(), first, START)
    history.write(rollout(), second, START)
    history.release_claim(second, START)
    assert history.claim(START) == second + 1


def test_a_claim_of_a_process_that_is_gone_is_taken_at_once(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr("cluster.deployment.history._self", lambda: _gone())
        history.claim(START)
    assert history.claim(START) == 2


def _gone() -> str:
    import socket

    return f"process 999999999 on {socket.gethostname()}, begun 1"


def test_history_is_read_as_it_was_written(history: History) -> None:
    number = history.claim(START)
    kept = history.write(replace(rollout(), why="so"), number, START)
    assert history.unfinished() == kept
