"""What counts as worse, and what is chance."""

from __future__ import annotations

import random

import pytest

from cluster.deployment.judge import Seen, judge, more_by_chance, percentile


def answers(count: int, mean: float, seed: int) -> list[float]:
    return [max(1.0, random.Random(f"{seed}-{i}").gauss(mean, mean / 5)) for i in range(count)]


def test_fishers_exact_test_gives_the_textbook_value() -> None:
    # Fisher's tea: 3 of 4 cups named rightly by chance in 17 of 70 ways.
    assert more_by_chance(3, 4, 1, 4) == pytest.approx(17 / 70)


def test_nothing_seen_proves_nothing() -> None:
    assert more_by_chance(0, 0, 3, 100) == 1.0
    assert [finding.worse for finding in judge(Seen(0, []), Seen(0, []), 1)] == [False]


def test_a_release_that_fails_half_of_its_tries_is_worse_after_a_dozen() -> None:
    failures, _ = judge(Seen(0, answers(100, 20, 1)), Seen(6, answers(6, 20, 2)), looks=100)
    assert failures.worse
    assert failures.said == "6 of 12 tries failed, 0 of 100 of the live release"


def test_one_failure_among_a_hundred_is_not_held_against_it() -> None:
    failures, _ = judge(Seen(0, answers(500, 20, 1)), Seen(1, answers(99, 20, 2)), looks=1)
    assert not failures.worse


def test_five_times_slower_is_worse_after_few_answers() -> None:
    _, slowness = judge(Seen(0, answers(100, 20, 1)), Seen(0, answers(8, 100, 2)), looks=100)
    assert slowness.worse


def test_alike_releases_are_seldom_called_worse_however_often_one_looks() -> None:
    looks, called = 50, 0
    for seed in range(100):
        live, new = answers(500, 20, 2 * seed), answers(500, 20, 2 * seed + 1)
        called += any(
            finding.worse
            for at in range(1, looks + 1)
            for finding in judge(Seen(0, live[: 10 * at]), Seen(0, new[: 10 * at]), looks)
        )
    assert called <= 3


def test_slowness_waits_for_enough_answers_of_the_live_release() -> None:
    assert len(judge(Seen(0, answers(19, 20, 1)), Seen(0, answers(50, 200, 2)), 1)) == 1


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0
