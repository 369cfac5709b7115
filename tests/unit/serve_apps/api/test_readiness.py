"""Looks and beats without a database; the looks themselves are in the contract and integration tests."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, Future
from typing import Any

from serve_apps.api import readiness
from serve_apps.api.readiness import FRESH_SECONDS, STUCK_SECONDS, Pulse, Readiness


class Hands(Executor):
    """Does what it is told at once, or never."""

    def __init__(self) -> None:
        self.stuck = False
        self.given = 0

    def submit(self, call: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        self.given += 1
        future: Future[Any] = Future()
        if not self.stuck:
            future.set_result(call(*arguments, **named))
        return future


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_look_is_good_for_a_moment_and_then_made_again() -> None:
    hands, clock, found = Hands(), Clock(), iter([None, "the disk is full"])
    ready = Readiness(lambda: next(found), hands, clock)

    def asked() -> str | None:
        return asyncio.run(ready.missing())

    assert (asked(), asked(), hands.given) == (None, None, 1)
    clock.now += FRESH_SECONDS + 1
    assert (asked(), hands.given) == ("the disk is full", 2)


def test_a_look_that_hangs_is_told_and_takes_one_thread_however_often_it_is_asked(monkeypatch: Any) -> None:
    monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 0.01)
    hands, clock = Hands(), Clock()
    hands.stuck = True
    ready = Readiness(lambda: None, hands, clock)
    for _ in range(3):
        said = asyncio.run(ready.missing())
        clock.now += 60
    assert said == "the database has not answered for 120 s"
    assert hands.given == 1


def test_threads_that_turn_have_a_pulse_however_long_ago_one_asked() -> None:
    hands, clock = Hands(), Clock()
    pulse = Pulse({"writer": hands}, clock)
    for _ in range(3):
        assert pulse.stuck() is None
        clock.now += 10 * STUCK_SECONDS


def test_threads_that_did_nothing_for_minutes_are_stuck_and_come_back() -> None:
    hands, clock = Hands(), Clock()
    pulse = Pulse({"readers": Hands(), "writer": hands}, clock)
    hands.stuck = True
    assert pulse.stuck() is None
    clock.now += STUCK_SECONDS - 1
    assert pulse.stuck() is None
    clock.now += 2
    assert (pulse.stuck(), hands.given) == ("writer", 1)
