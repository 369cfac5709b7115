"""The simulator against what can be said without one."""

from __future__ import annotations

import numpy as np
import pytest

from autoscaling.arrivals import arrivals, counts
from autoscaling.history import Numbers
from autoscaling.policy import Scaling
from autoscaling.replay import Ours
from autoscaling.simulate import Fleet, Notes, Outcome, Policy, Run, Tick

FLEET = Fleet(service_s=0.02, overhead_s=0.0, start_s=4.0, node_start_s=90.0, replicas_per_node=4, minimum=1)


def run(policy: Policy, rates: Numbers, replicas: int = 1, fleet: Fleet = FLEET) -> Outcome:
    made = Run(policy, fleet, replicas)
    for minute in arrivals(rates, fleet.pick, seed=1):
        made.advance(minute)
    return made.outcome


def test_requests_under_way_are_rate_by_time_in_the_system() -> None:
    noted: list[float] = []  # J. Little's law, 1961
    run(lambda tick: noted.append(tick.notes.mean(tick.now - 1, tick.now) or 0.0) or 4, np.full(1800, 50.0), 4)
    assert np.mean(noted) == pytest.approx(50 * 0.021, rel=0.06)


def test_every_request_is_counted_once_whatever_the_policy_does() -> None:
    rates = np.full(600, 40.0)
    for policy in (lambda tick: 2, lambda tick: 1 + int(tick.now) % 7, lambda tick: 1 + int(tick.now) // 50 % 3):
        assert run(policy, rates).requests == counts(rates, 1).sum()


def test_replica_hours_of_a_constant_number_are_its_product() -> None:
    assert run(lambda tick: 3, np.full(3600, 10.0), 3).replica_seconds == 3 * 3600


def test_a_replica_answers_after_its_start() -> None:
    outcome = run(lambda tick: 2 if tick.now >= 100 else 1, np.full(240, 5.0))
    assert outcome.ready == [(0.0, 1), (104.0, 2)]
    assert outcome.capacity_after(90.0, 2) == 14.0
    assert outcome.capacity_after(90.0, 3) is None


def test_a_replica_that_fits_no_node_waits_for_one() -> None:
    outcome = run(lambda tick: 5 if tick.now >= 60 else 4, np.full(240, 5.0), 4)
    assert outcome.ready[-1] == (60 + 90 + 4, 5)


def test_a_node_without_replicas_ends_after_its_time() -> None:
    fleet = Fleet(replicas_per_node=4, node_idle_s=120.0)
    outcome = run(lambda tick: 4 if tick.now >= 60 else 8, np.full(600, 5.0), 8, fleet)
    assert outcome.node_seconds == pytest.approx(2 * 180 + 420, abs=62)


def test_too_few_replicas_refuse_what_finds_no_place() -> None:
    outcome = run(lambda tick: 1, np.full(120, 100.0))
    assert outcome.lost / outcome.requests == pytest.approx(0.5, abs=0.03)
    assert outcome.late > 0.95 * outcome.requests


def test_our_policy_alone_follows_a_step_within_three_seconds_and_a_start() -> None:
    rates = np.concatenate([np.full(300, 10.0), np.full(300, 150.0)])
    fleet = Fleet(service_s=0.02, replicas_per_node=16)
    ours = Ours(Scaling(), fleet, (), 0.0)
    outcome = run(ours, rates, 2, fleet)
    after = outcome.capacity_after(300.0, 3)
    assert after is not None
    assert after <= fleet.start_s + 3


def test_a_policy_is_shown_what_has_just_come() -> None:
    shown = []

    def look(tick: Tick) -> int:
        shown.append(tick.came.mean(tick.now - 1, tick.now))
        return 2

    run(look, np.concatenate([np.zeros(60), np.full(60, 40.0)]), 2)

    assert set(shown[:60]) == {0.0}
    assert np.mean(shown[60:]) == pytest.approx(20.0, abs=2.0)  # in half a second


def test_the_same_seed_makes_the_same_requests() -> None:
    one, other = (run(lambda tick: 2, np.full(300, 60.0), 2) for _ in range(2))
    assert (one.late, one.requests) == (other.late, other.requests)


def test_notes_that_are_cut_are_forgotten() -> None:
    notes = Notes()
    notes.add(np.array([1.0, 1.0, 5.0, 5.0]))
    assert notes.mean(0.0, 2.0) == 3.0
    notes.cut(1.0)
    assert notes.mean(0.0, 2.0) == 1.0
    assert notes.mean(5.0, 9.0) is None
