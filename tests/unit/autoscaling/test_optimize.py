"""The cheapest settings for a recorded load."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autoscaling.capacity import CannotKeep
from autoscaling.forecast import Schedule
from autoscaling.history import BadHistory, History
from autoscaling.optimize import Choice, Node, alternatives, load, optimize
from autoscaling.policy import Scaling
from autoscaling.simulate import Fleet

DEAR, CHEAP = Node("dear", 4.0, 0.4), Node("cheap", 4.0, 0.2)
PRESENT = Choice(DEAR, 0.8, 2, Scaling())
FLEET = Fleet(maximum=100)


def recorded(per_s: float, minutes: int = 600) -> History:
    counts = np.random.default_rng(1).poisson(per_s * 60, minutes)
    return History(0.0, 60.0, counts.astype(float))


def test_the_cheaper_of_two_equal_nodes_is_chosen_and_the_saving_is_theirs() -> None:
    seen = load(recorded(40.0), Schedule())
    best, now = optimize(seen, FLEET, PRESENT, [PRESENT, replace(PRESENT, node=CHEAP)])
    assert best.choice.node == CHEAP
    assert best.monthly_cost == pytest.approx(now.monthly_cost / 2)
    assert best.late_share == now.late_share


def test_what_is_cheapest_but_late_is_not_chosen() -> None:
    tight = Choice(CHEAP, 4.0, 1, Scaling(utilisation=1.0, spare=0.0))
    best, _ = optimize(load(recorded(60.0), Schedule()), FLEET, PRESENT, [tight, replace(PRESENT, node=CHEAP)])
    assert best.choice.minimum == 2
    assert best.late_share is not None
    assert best.late_share <= 0.01


def test_when_nothing_keeps_the_promise_it_says_so() -> None:
    slow = Fleet(service_s=0.045, maximum=100)
    with pytest.raises(CannotKeep, match=r"^none of 1 choices keeps 99.0% in time on the busiest day"):
        optimize(load(recorded(40.0), Schedule()), slow, PRESENT, [PRESENT])


def test_less_than_a_measured_cpu_takes_longer_and_more_is_no_faster() -> None:
    half, double = replace(PRESENT, cpus_per_replica=0.4), replace(PRESENT, cpus_per_replica=1.6)
    assert half.fleet(FLEET, PRESENT).service_s == 2 * FLEET.service_s
    assert double.fleet(FLEET, PRESENT).service_s == FLEET.service_s
    assert (half.fleet(FLEET, PRESENT).replicas_per_node, double.fleet(FLEET, PRESENT).replicas_per_node) == (10, 2)


def test_what_does_not_fit_a_node_is_no_alternative() -> None:
    found = list(alternatives([Node("small", 0.5, 0.1)], [0.5, 0.8], PRESENT))
    assert found[0] == PRESENT
    assert {each.cpus_per_replica for each in found[1:]} == {0.5}


def test_too_short_a_record_is_one_line() -> None:
    with pytest.raises(BadHistory, match=r"^at least 120 recorded minutes are needed to choose settings by$"):
        load(recorded(1.0, 100), Schedule())
