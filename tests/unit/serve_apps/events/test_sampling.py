from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from serve_apps.events.event import Event
from serve_apps.events.sampling import Sampling
from serve_apps.gallery.crops import CropsUnavailable
from tests.unit.serve_apps.conftest import EventMaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_so_many_a_minute_are_due_and_not_in_step_with_the_camera() -> None:
    clock, chances = Clock(), iter([0.0, 1.0] * 100)
    sampling = Sampling(lambda *_: None, lambda *_: None, 20, clock, lambda: next(chances))
    taken = []
    for tick in range(600):  # ten a second for a minute
        clock.now = tick / 10
        if sampling.due():
            taken.append(clock.now)
    assert 18 <= len(taken) <= 22
    assert {round(b - a, 1) for a, b in pairwise(taken)} == {1.5, 4.5}


def test_none_is_due_when_it_is_turned_off() -> None:
    assert not Sampling(lambda *_: None, lambda *_: None, 0).due()


def test_while_one_is_written_none_is_taken(an_event: EventMaker) -> None:
    clock, submitted, kept = Clock(), list[Callable[[], None]](), list[Event]()

    def submit(call: Callable[..., None], *arguments: Any) -> None:
        submitted.append(partial(call, *arguments))

    sampling = Sampling(lambda _, event: kept.append(event), submit, 60, clock)
    assert sampling.due()
    asyncio.run(sampling.take(b"", an_event()))
    clock.now = 10
    assert not sampling.due()
    submitted[0]()
    assert len(kept) == 1
    clock.now = 20
    assert sampling.due()


def test_storage_that_is_away_costs_the_frame_and_nothing_else(
    an_event: EventMaker, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise CropsUnavailable("the bucket does not answer")

    clock = Clock()
    sampling = Sampling(away, lambda call, *arguments: call(*arguments), 60, clock)
    asyncio.run(sampling.take(b"", an_event()))
    assert "recent_frames.dropped event=event-1: CropsUnavailable" in caplog.text
    clock.now = 10
    assert sampling.due()
