from __future__ import annotations

from dataclasses import dataclass, field

from backup.errors import Busy, TargetUnavailable
from backup.rounds import IDLE_SECONDS, Job, Rounds
from backup.schedule import Cadence


@dataclass
class Desk:
    """A clock, and a job that takes a second and may fail."""

    now: float = 100.0
    age: float | None = None
    error: Exception | None = None
    done: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def run(self) -> None:
        if self.error:
            raise self.error
        self.done.append(self.now)
        self.now += 1

    def rounds(self) -> Rounds:
        job = Job("snapshot", Cadence(10, 2), self.run, lambda: self.age)
        return Rounds([job], self.failed.append, lambda: self.now)


def test_the_first_is_due_by_what_the_repository_says() -> None:
    desk = Desk(age=4)
    rounds = desk.rounds()
    assert rounds.round() == 6
    assert desk.done == []
    desk.now += 6
    rounds.round()
    assert desk.done == [106]


def test_the_next_one_ends_before_the_last_is_too_old() -> None:
    desk = Desk()
    rounds = desk.rounds()
    assert rounds.round() == 7.5
    desk.now += 7.5
    rounds.round()
    assert desk.done == [100, 108.5]


def test_what_fails_is_told_and_tried_again_ever_later() -> None:
    desk = Desk(error=TargetUnavailable("the bucket does not answer"))
    rounds = desk.rounds()
    waits = []
    for _ in range(3):
        waits.append(rounds.round())
        desk.now += waits[-1]
    assert waits == [2, 4, 8]
    assert desk.failed == ["snapshot"] * 3
    desk.error = None
    rounds.round()
    assert desk.done == [desk.now - 1]


def test_a_bucket_that_was_away_for_an_hour_has_a_snapshot_within_a_minute_of_its_return() -> None:
    desk = Desk(error=TargetUnavailable("the bucket does not answer"))
    rounds = desk.rounds()
    waits = []
    while desk.now < 100 + 3600:
        waits.append(rounds.round())
        desk.now += waits[-1]
    desk.error = None

    rounds.round()

    assert max(waits) == 60
    assert desk.done == [desk.now - 1]


def test_somebody_else_at_work_is_no_failure() -> None:
    desk = Desk(error=Busy("another snapshot is being taken"))
    assert desk.rounds().round() == 2
    assert desk.failed == []


def test_nothing_to_do_waits() -> None:
    assert Rounds([], print).round() == IDLE_SECONDS
