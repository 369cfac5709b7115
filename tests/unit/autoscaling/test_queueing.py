"""Requests on replicas, held to theory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling.history import Numbers
from autoscaling.queueing import Replicas, Requests, measured, of_two, with_places

IDLE = np.empty(0)


def requests(per_s: float, count: int, services: Numbers | None = None, seed: int = 1) -> Requests:
    random = np.random.default_rng(seed)
    times = np.cumsum(random.exponential(1 / per_s, count))
    took = random.exponential(1.0, count) if services is None else services
    return Requests(times, took, random.random((2, count)))


@pytest.mark.parametrize("busy", [0.3, 0.5, 0.7])
def test_one_replica_waits_as_long_as_theory_says_of_m_m_1(busy: float) -> None:
    came = requests(busy, 400_000)
    _, answered = of_two((0.0,), came)
    took = answered - came.times
    assert took.mean() == pytest.approx(1 / (1 - busy), rel=0.05)
    assert (took > 3).mean() == pytest.approx(np.exp(-3 * (1 - busy)), rel=0.05)


def test_constant_service_waits_half_as_long() -> None:
    came = requests(0.6, 400_000, np.ones(400_000))
    _, answered = of_two((0.0,), came)
    assert (answered - came.times).mean() - 1 == pytest.approx(0.6 / (2 * 0.4), rel=0.05)  # Pollaczek and Khinchine


def test_two_choices_wait_less_than_one_and_more_than_none() -> None:
    came = requests(5.6, 200_000, np.ones(200_000))
    _, answered = of_two((0.0,) * 8, came)
    alone = 0.7 / (2 * 0.3)
    assert 0.05 < (answered - came.times).mean() - 1 < 0.5 * alone


def test_a_request_goes_to_the_replica_with_fewer() -> None:
    one = Requests(np.array([0.0]), np.array([1.0]), np.array([[0.0], [0.0]]))
    ends, answered = of_two((9.0, 4.5), one)
    assert (ends, answered.tolist()) == ([9.0, 5.5], [5.5])


def test_what_finds_no_place_is_refused() -> None:
    burst = Requests(np.full(5, 1.0), np.ones(5), np.zeros((2, 5)))
    after, answered = Replicas((0.0,), IDLE).serve(burst, places=3)
    assert answered.tolist() == [2.0, 3.0, 4.0, np.inf, np.inf]
    assert after.under_way.tolist() == [2.0, 3.0, 4.0]


def test_with_places_enough_both_ways_agree() -> None:
    came = requests(3.0, 500, np.ones(500))
    before = Replicas((0.0,) * 4, IDLE)
    assert with_places(before, came, 10**6)[1].tolist() == of_two(before.free, came)[1].tolist()


def test_cut_in_two_they_are_answered_as_in_one() -> None:
    came = requests(3.0, 2_000, np.ones(2_000))
    begun = Replicas((0.0,) * 4, IDLE)
    first, early = begun.serve(came.part(slice(0, 700)), 10**6)
    _, late = first.serve(came.part(slice(700, None)), 10**6)
    assert np.concatenate([early, late]) == pytest.approx(begun.serve(came, 10**6)[1])


def test_who_leaves_still_answers_what_it_has() -> None:
    replicas = Replicas((5.0, 2.0, 3.0), np.array([2.0, 3.0, 5.0])).with_fewer(2)
    assert replicas.free == (5.0,)
    assert replicas.under_way.tolist() == [2.0, 3.0, 5.0]


@given(st.floats(1e-3, 10))
def test_measured_service_times_have_the_mean_that_was_asked_for(mean: float) -> None:
    assert measured(mean)(np.random.default_rng(1), 20_000).mean() == pytest.approx(mean, rel=0.02)
