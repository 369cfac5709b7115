"""Capacity by the model, held to theory and to the simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling.capacity import (
    CannotKeep,
    Demand,
    late_share,
    plan,
    quantile,
    replicas_for,
    simulated_quantile,
    waiting,
)
from autoscaling.days import doorbells, flat
from autoscaling.simulate import Fleet

FLEET = Fleet(minimum=1)


@given(st.floats(0.05, 0.95))
def test_with_one_replica_and_exponential_service_it_is_exact(busy: float) -> None:
    likely, mean = waiting(busy, 1, 1.0, variation=1.0)
    assert likely == pytest.approx(busy)
    assert mean == pytest.approx(busy / (1 - busy))


@pytest.mark.parametrize(("replicas", "busy"), [(1, 0.2), (2, 0.5), (3, 0.6), (4, 0.7), (8, 0.7), (16, 0.6)])
def test_the_model_is_within_a_sixth_of_the_simulation(replicas: int, busy: float) -> None:
    per_s = replicas * busy / FLEET.service_s
    assert quantile(per_s, replicas, FLEET) == pytest.approx(simulated_quantile(per_s, replicas, FLEET), rel=1 / 6)


@given(st.floats(0.1, 2000), st.floats(1.0, 3.0))
def test_more_requests_never_need_fewer_replicas(per_s: float, times: float) -> None:
    assert replicas_for(per_s * times, FLEET) >= replicas_for(per_s, FLEET)


@given(st.floats(0.1, 500), st.integers(1, 30))
def test_one_more_replica_never_makes_more_late(per_s: float, replicas: int) -> None:
    assert late_share(per_s, replicas + 1, FLEET) <= late_share(per_s, replicas, FLEET) + 1e-9


def test_more_than_can_be_answered_takes_for_ever() -> None:
    assert quantile(1000.0, 2, FLEET) == math.inf
    assert late_share(1000.0, 2, FLEET) == 1.0


def test_a_plan_keeps_its_promise_with_as_few_as_that() -> None:
    found = plan(Demand(400_000, 20.0, doorbells()), FLEET)
    assert found.expected_p99_ms <= 50 < 1000 * quantile(found.peak_per_s, found.replicas - 1, FLEET)
    assert found.nodes == math.ceil(found.replicas / FLEET.replicas_per_node)
    assert found.utilisation == pytest.approx(found.peak_per_s * FLEET.service_s / found.replicas)
    assert found.autoscaled_replicas < 0.5 * found.replicas


def test_without_rushes_there_is_nothing_to_follow() -> None:
    found = plan(Demand(400_000, 20.0, flat()), FLEET)
    assert found.autoscaled_replicas == found.replicas
    assert np.isclose(found.peak_per_s, 400_000 * 20 / 86400)


def test_a_promise_shorter_than_a_frame_is_one_line() -> None:
    with pytest.raises(CannotKeep, match=r"^a frame alone takes 29 ms .* promise more, or take faster nodes$"):
        plan(Demand(10, 20.0, flat()), Fleet(promise_s=0.02))
