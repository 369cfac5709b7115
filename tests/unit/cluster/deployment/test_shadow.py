from __future__ import annotations

import pytest

from cluster.deployment.shadow import Pair, Said, agreement, changed, shortcomings, wilson
from cluster.deployment.validate import Limits


def pairs(count: int, others: int = 0, milliseconds: float = 20.0, verdict: str = "unknown") -> list[Pair]:
    """So many frames, the first of them answered otherwise."""
    alike = Said("known", ("Ada",), 20.0)
    return [
        Pair(
            f"event-{n}",
            "door",
            "2026-11-24T08:00:00Z",
            alike,
            Said(verdict if n < others else "known", ("Ada",) if n >= others else (), milliseconds),
        )
        for n in range(count)
    ]


def test_wilsons_interval_is_the_published_one() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def test_agreement_that_may_reach_the_limit_is_enough_and_what_is_surely_below_it_is_not() -> None:
    assert shortcomings(pairs(100, 4), 2.0, Limits()) == []
    (said,) = shortcomings(pairs(100, 5), 2.0, Limits())
    assert said.startswith(
        "95 of 100 recent frames were answered as by the live release (95.0%, 95 % interval 88.8% to"
    )
    assert said.endswith("98.0% are needed; 5 have another verdict")
    assert "Ada" not in said


def test_other_names_with_the_same_verdict_disagree_too() -> None:
    found = pairs(10, 2, verdict="known")
    assert agreement(found).same == 8
    assert shortcomings(found, 2.0, Limits())[0].endswith("0 have another verdict")


def test_too_few_frames_say_nothing() -> None:
    assert shortcomings(pairs(9, 9, 500.0), 2.0, Limits()) == []
    assert agreement(pairs(9, 9)).said == "9 recent frames were replayed, 10 are needed: agreement was not judged"


def test_a_release_that_takes_several_times_as_long_is_found() -> None:
    assert shortcomings(pairs(30, milliseconds=100.0), 2.0, Limits()) == [
        "a recent frame takes 100 ms, the live release 20 ms; at most 2 times that is allowed"
    ]
    assert shortcomings(pairs(30, milliseconds=39.0), 2.0, Limits()) == []


def test_frames_of_another_verdict_come_first() -> None:
    found = [*pairs(1, 1, verdict="known"), *pairs(3, 1)]
    assert [pair.new.verdict for pair in changed(found)] == ["unknown", "known"]
