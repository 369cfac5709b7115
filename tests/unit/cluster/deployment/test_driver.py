"""A rollout's way through its steps, with a cluster that does what a test says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.deployment.drift import Compared
from cluster.deployment.driver import Driver
from cluster.deployment.history import CLAIM, History, RolloutError
from cluster.deployment.judge import Seen
from cluster.deployment.rollout import Plan, Rollout, Standing, Step, resumed
from cluster.deployment.running import TakenBack
from cluster.deployment.shadow import Pair, Said
from cluster.deployment.usual import Usual
from cluster.deployment.validate import Answer, Tried
from cluster.deployment.validation import Validation
from cluster.deployment.visits import Bin
from cluster.security.alerts import Alert, AlertStore
from cluster.security.audit import metadata, newest, operator
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
    recent: int = 20
    changed: int = 0
    seen_at: list[Validation] = field(default_factory=list)
    forgets: bool = False
    done: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    begun: datetime | None = None
    stands: Standing = Standing.BESIDE
    replay_seconds: float = 0.0
    more_replicas: bool = False
    settling: int = 0
    leases: list[float] = field(default_factory=list)

    def standing(self, rollout: Rollout) -> Standing:
        return self.stands

    def prepare(self, rollout: Rollout) -> Iterator[str]:
        yield "embedding"
        if self.refuses:
            raise TakenBack(self.refuses)
        self.done.append("prepare")

    def deploy(self, rollout: Rollout, epoch: int) -> None:
        self.begun = self.clock.now
        self.done.append(f"deploy {rollout.colour}")

    def grown(self, rollout: Rollout, epoch: int) -> bool:
        grows, self.more_replicas = self.more_replicas, False
        if grows:
            self.done.append("grow")
        return grows

    def trouble(self, colour: str) -> str | None:
        assert self.begun is not None
        if self.settling:
            self.settling -= 1
            return ""
        late = (self.clock.now - self.begun).total_seconds() >= self.trouble_from
        return "its health check fails" if late else None

    def share(self, rollout: Rollout, percent: float, until: datetime, epoch: int) -> None:
        self.done.append(f"share {percent:g}")
        self.settling = 1
        self.renew(rollout, until, epoch)

    def renew(self, rollout: Rollout, until: datetime, epoch: int) -> None:
        self.leases.append((until - self.clock.now).total_seconds())

    def usual(self) -> tuple[Seen, Usual]:
        return Seen(0, [20.0] * 100), Usual([], [])

    def mark(self) -> object:
        return self.clock.now

    def seen(self, release: str, since: object, usual: Usual) -> tuple[Seen, Seen]:
        assert isinstance(since, datetime)
        count = int((self.clock.now - since).total_seconds() * 10)
        beside = 0 if "share 100" in self.done else count  # nobody asks the live one any more
        return Seen(0, [20.0] * beside), Seen(0, [self.milliseconds] * count)

    def compared(self, release: str, before: object, since: object, *, alone: bool) -> Compared:
        assert isinstance(before, datetime)
        assert isinstance(since, datetime)
        past = [Bin("dlib-1", "c", n * 60, 2, n % 2, 0.3) for n in range(100)]
        count = int((self.clock.now - since).total_seconds())
        strange = [Bin(release, "c", n * 60, 2, 2 if self.forgets else n % 2, 0.3) for n in range(count)]
        return Compared("dlib-1", release, past, strange, {"dlib-1": 0.58, release: 0.58}, alone)

    def finish(self, rollout: Rollout, epoch: int) -> None:
        self.done.append("finish")

    def withdraw(self, rollout: Rollout, epoch: int) -> None:
        self.done.append("withdraw")

    def tried(self, colour: str | None) -> Tried:
        said = "known" if colour is None or self.right else "unknown"
        return Tried([Answer(f"{n}.jpg", "known", said, 20.0) for n in range(10)], {1: [100]})

    def replayed(self, colour: str) -> Iterator[list[Pair]]:
        for number in range(self.recent):
            self.clock.sleep(self.replay_seconds / self.recent)
            said = Said("unknown" if number < self.changed else "known", (), 20.0)
            yield [Pair(f"event-{number}", "front-door", "2026-11-24T08:00:00Z", Said("known", (), 20.0), said)]

    def deciding(self, release: str, since: object) -> str | None:
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
    sleep, keep = cluster.clock.sleep, cluster.seen_at.append
    driver = Driver(begun, number, history, cluster, cluster.clock, sleep, lambda *_: None, report=keep)
    return driver.run(lease)


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


def test_a_release_that_answers_recent_frames_otherwise_gets_no_traffic(history: History) -> None:
    cluster = FakeCluster(Clock(), changed=3)
    ended = drive(history, cluster, rollout())
    assert ended.step is Step.FAILED
    assert ended.why == (
        "17 of 20 recent frames were answered as by the live release (85.0%, 95 % interval 64.0% to 94.8%), "
        "98.0% are needed; 3 have another verdict"
    )
    assert cluster.done == ["prepare", "deploy green", "withdraw"]
    assert [seen.found for seen in cluster.seen_at] == [[ended.why]]


def test_few_recent_frames_judge_nobody_and_the_report_says_so(history: History) -> None:
    cluster = FakeCluster(Clock(), recent=9, changed=9)
    assert drive(history, cluster, rollout()).step is Step.COMPLETED
    assert "9 recent frames were replayed, 10 are needed: agreement was not judged" in cluster.seen_at[0].said


def test_wrong_golden_frames_are_reported_without_a_replay(history: History) -> None:
    cluster = FakeCluster(Clock(), right=False)
    drive(history, cluster, rollout())
    assert [seen.replayed for seen in cluster.seen_at] == [None]


def test_a_release_that_is_slower_is_taken_back_with_the_numbers(history: History) -> None:
    cluster = FakeCluster(Clock(), milliseconds=100.0)
    ended = drive(history, cluster, rollout(plan=Plan(shares=(10, 100), hold_seconds=30)))
    assert ended.step is Step.FAILED
    assert ended.why.startswith("at 10 % of the traffic, after ")
    assert "p99 100 and 20 ms" in ended.why
    assert "share 100" not in cluster.done


def test_a_release_that_knows_nobody_any_more_is_taken_back_with_the_numbers(history: History) -> None:
    cluster = FakeCluster(Clock(), forgets=True)
    ended = drive(history, cluster, rollout(plan=Plan(bake_seconds=60)))
    assert ended.step is Step.FAILED
    assert "100 % of the faces at its cameras were unknown, 25 % before it came" in ended.why
    assert ended.why.startswith("at 100 % of the traffic, after ")


def test_other_answers_at_the_public_address_take_it_back(history: History) -> None:
    cluster = FakeCluster(Clock(), public="dlib-1 decided a frame")
    assert drive(history, cluster, rollout()).step is Step.FAILED
    assert cluster.done[-1] == "withdraw"


def test_an_alert_takes_a_release_back_and_says_which(history: History, tmp_path: Path) -> None:
    cluster = FakeCluster(Clock())
    alerts = AlertStore(connect(f"sqlite:///{tmp_path}/doorbell.db"))
    alerts.keep([Alert("f0", START, "Old", "since yesterday")], "key 1", START)
    at = START + timedelta(seconds=12)
    real = cluster.seen

    def seen(release: str, since: object, usual: Usual) -> tuple[Seen, Seen]:
        if cluster.clock.now >= at:
            alerts.keep([Alert("f1", at, "DoorsUnanswered", "4 of 9 doors")], "key 1", cluster.clock.now)
        return real(release, since, usual)

    cluster.seen = seen
    ended = drive(history, cluster, rollout())

    assert (ended.step, ended.why) == (Step.FAILED, "alert DoorsUnanswered: 4 of 9 doors")
    assert cluster.done == ["prepare", "deploy green", "share 100", "withdraw"]


def test_every_step_is_in_the_audit_trail_once(history: History, tmp_path: Path) -> None:
    cluster = FakeCluster(Clock())
    drive(history, cluster, rollout(plan=Plan(shares=(10, 100), hold_seconds=1, bake_seconds=1)))

    rows = newest(connect(f"sqlite:///{tmp_path}/doorbell.db"), 20)

    steps = [(row.action.removeprefix("rollout."), row.details["percent"]) for row in rows]
    before = [("preparing", None), ("deploying", None), ("validating", None)]
    assert steps == [*before, ("switching", 10), ("switching", 100), ("completed", None)]
    assert {(row.object, row.actor) for row in rows} == {("sface-1", operator())}
    assert not any("why" in row.details for row in rows)


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
    taken = rollout(Step.ROLLING_BACK)
    assert resumed(taken, Standing.BESIDE, None, START) == taken


def test_a_release_whose_colour_was_given_away_meanwhile_is_started_and_proved_again(history: History) -> None:
    cluster = FakeCluster(Clock(), stands=Standing.ABSENT)
    lease = START + timedelta(seconds=30)
    assert drive(history, cluster, replace(rollout(Step.SWITCHING), place=0), lease).step is Step.COMPLETED
    assert cluster.done == ["deploy green", "share 100", "finish"]
    assert len(cluster.seen_at) == 1


def test_a_controller_that_was_killed_behind_the_last_change_only_writes_it_down(history: History) -> None:
    cluster = FakeCluster(Clock(), stands=Standing.LIVE)
    assert drive(history, cluster, rollout(Step.SWITCHING)).step is Step.COMPLETED
    assert cluster.done == ["finish"]


def test_a_long_replay_and_serves_settling_after_a_change_take_nothing_back(history: History) -> None:
    cluster = FakeCluster(Clock(), replay_seconds=25)
    assert drive(history, cluster, rollout()).step is Step.COMPLETED


def test_a_release_gets_as_many_replicas_as_the_live_one_has_before_its_traffic(history: History) -> None:
    cluster = FakeCluster(Clock(), more_replicas=True)
    assert drive(history, cluster, rollout()).step is Step.COMPLETED
    assert cluster.done == ["prepare", "deploy green", "grow", "share 100", "finish"]


def test_a_share_ends_half_a_minute_after_the_last_look_however_long_it_is_held(history: History) -> None:
    cluster = FakeCluster(Clock())
    assert drive(history, cluster, rollout(plan=Plan(bake_seconds=300))).step is Step.COMPLETED
    assert set(cluster.leases) == {30.0}
    assert len(cluster.leases) == pytest.approx(30, abs=2)


def test_a_release_that_is_slower_is_found_at_all_of_the_traffic_too(history: History) -> None:
    cluster = FakeCluster(Clock(), milliseconds=100.0)
    ended = drive(history, cluster, rollout(plan=Plan(bake_seconds=60)))
    assert ended.step is Step.FAILED
    assert "p99 100 and 20 ms" in ended.why


def test_two_controllers_at_once_are_impossible(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    first = history.claim(START)
    with pytest.raises(RolloutError, match="another rollout is driven by process"):
        history.claim(START)
    second = history.claim(START + CLAIM + timedelta(seconds=1))
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
