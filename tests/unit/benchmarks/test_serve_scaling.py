"""Serve's own policy as it looks on in the simulator."""

from __future__ import annotations

import numpy as np

from autoscaling.simulate import NOTED_S, Notes, Tick
from benchmarks.peers.serve_scaling import ServesOwn, default, tuned


def targets(policy: ServesOwn, under_way: list[float], target: int = 2) -> list[int]:
    """What it says each second; what it says is done at once."""
    notes, found = Notes(), []
    for second, requests in enumerate(under_way, 1):
        notes.add(np.full(round(1 / NOTED_S), requests))
        target = policy(Tick(float(second), target, target, 4.0, notes, Notes()))
        found.append(target)
    return found


def test_a_step_is_followed_after_the_delay_by_requests_over_target() -> None:
    found = targets(tuned(2, 16, 2.0, 60.0), [2.0] * 10 + [20.0] * 10)
    assert found[:11] == [2] * 11
    assert found[-1] == 10


def test_the_default_knows_only_what_was_pushed_and_waits_half_a_minute() -> None:
    found = targets(default(2, 16), [2.0] * 10 + [20.0] * 70)
    assert found[39] == 2
    assert found[-1] == 10


def test_down_only_after_its_delay_and_never_below_the_minimum() -> None:
    found = targets(tuned(2, 16, 2.0, 60.0), [0.0] * 100, target=8)
    assert found[58] == 8
    assert found[-1] == 2
