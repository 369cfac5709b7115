"""What counts as worse, and what is chance."""

from __future__ import annotations

import random

import pytest

from cluster.deployment.judge import Finding, Seen, judge, more_by_chance, more_than_assumed, percentile


def answers(count: int, mean: float, seed: int) -> list[float]:
    return [max(1.0, random.Random(f"{seed}-{i}").gauss(mean, mean / 5)) for i in range(count)]


def test_fishers_exact_test_gives_the_textbook_value() -> None:
    # Fisher's tea: 3 of 4 cups named rightly by chance in 17 of 70 ways.
    assert more_by_chance(3, 4, 1, 4) == pytest.approx(17 / 70)


def test_nothing_seen_proves_nothing() -> None:
    assert more_by_chance(0, 0, 3, 100) == 1.0
    assert [finding.worse for finding in judge(Seen(0, []), Seen(0, []), 1)] == [False, False]


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


def test_slowness_waits_for_enough_answers_and_says_so() -> None:
    waiting = judge(Seen(0, answers(3, 20, 1)), Seen(0, answers(50, 200, 2)), 1)[1]
    assert waiting == Finding(False, 1.0, "slowness not judged: 3 of 20 answers of the live release")
    silent = judge(Seen(0, answers(100, 20, 1)), Seen(9, []), 1)[1]
    assert silent.said == "slowness not judged: no answer of its own"


@pytest.mark.parametrize("tries", [0, 5, 10, 20, 50, 100])
def test_a_release_that_fails_a_fifth_of_its_tries_is_worse_however_little_the_live_one_has_done(tries: int) -> None:
    failures, _ = judge(Seen(0, [20.0] * tries), Seen(20, [20.0] * 80), looks=7200)
    assert failures.worse


def test_three_failures_and_nothing_else_are_enough_in_a_quiet_house() -> None:
    failures, _ = judge(Seen(0, []), Seen(3, []), looks=120)
    assert failures.worse
    assert (
        failures.said == "3 of 3 tries failed, 0 of 0 of the live release (fewer than 100: judged beside 1 % as well)"
    )


def test_a_live_release_that_was_seen_to_fail_is_no_better_by_assumption() -> None:
    assert not judge(Seen(3, [20.0] * 3), Seen(30, [20.0] * 30), looks=1)[0].worse
    assert not judge(Seen(4, []), Seen(10, []), looks=1)[0].worse


def test_the_binomial_tail_is_the_sum_of_its_terms() -> None:
    assert more_than_assumed(2, 3, 0.1) == pytest.approx(3 * 0.01 * 0.9 + 0.001)
    assert more_than_assumed(0, 10, 0.01) == 1.0


def test_releases_that_fail_one_in_a_hundred_are_seldom_called_worse_in_a_quiet_house() -> None:
    chance, looks, called = random.Random(7), 20, 0
    for _ in range(300):
        failed = [chance.random() < 0.01 for _ in range(200)]
        called += any(
            judge(Seen(0, [20.0] * 5), Seen(sum(failed[:at]), [20.0] * (at - sum(failed[:at]))), looks)[0].worse
            for at in range(10, 201, 10)
        )
    assert called <= 3


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0
