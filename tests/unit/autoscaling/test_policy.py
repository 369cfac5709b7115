"""How many replicas there should be: what the policy promises, whatever the numbers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling.policy import BadScaling, Bounds, Decision, Memory, Observation, Scaling, decide

SCALING = Scaling(requests_per_replica=2, utilisation=0.8, spare=1, down_after_s=60, settle_s=3)
SETTLED = Memory(last=1000.0, seen_s=3.0)
NUMBERS = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(10**400), 10**400),
    st.sampled_from(["many", True, [], 1e308]),
)
LOADS = st.floats(0, 1e4)


def seen(**changes: Any) -> Observation:
    usual = Observation(
        now=1001.0,
        replicas=4,
        target=4,
        requests=5.0,
        expected_per_s=150.0,
        expected_later_per_s=150.0,
        service_s=0.014,
        start_s=4.0,
        bounds=Bounds(1, 16),
    )
    return replace(usual, **changes)


def after(seconds: int, scaling: Scaling = SCALING, memory: Memory = SETTLED, **changes: Any) -> Decision:
    """The last decision when it is asked once a second and what it says is done at once."""
    target = int(changes.pop("target", 4))
    for second in range(1, seconds + 1):
        decided = decide(seen(now=1000.0 + second, replicas=target, target=target, **changes), scaling, memory)
        target, memory = decided.target, decided.memory
    return decided


def test_a_longer_queue_starts_replicas_when_it_has_lasted_longer_than_one_report() -> None:
    asked = [after(seconds, requests=13.0) for seconds in (1, 2, 3)]
    assert [each.target for each in asked] == [4, 4, 7]
    assert "more if the queue asks for them for 1.5 s longer" in asked[0].why
    assert asked[2].why.startswith("7 replicas: the queue asks 7 (13.0 requests, 2 each)")


def test_a_frame_that_was_just_there_in_one_report_starts_nothing_and_keeps_nothing() -> None:
    quiet = {"expected_per_s": 0.0, "expected_later_per_s": 0.0}
    memory, targets = SETTLED, [4]
    for second in range(1, 80):
        requests = 50.0 if second % 9 == 0 else 0.0
        looked = seen(now=1000.0 + second, replicas=targets[-1], target=targets[-1], requests=requests, **quiet)
        decided = decide(looked, SCALING, memory)
        memory = decided.memory
        targets.append(decided.target)
    assert max(targets) == 4
    assert targets[-1] == 1


def test_a_queue_that_goes_on_growing_is_followed_step_by_step() -> None:
    memory, target = SETTLED, 4
    for second in range(1, 10):
        looked = seen(now=1000.0 + second, replicas=target, target=target, requests=13.0 + 2 * second)
        decided = decide(looked, SCALING, memory)
        target, memory = decided.target, decided.memory
    assert target == 14


def test_a_forecast_starts_them_before_the_queue_knows() -> None:
    decided = decide(seen(requests=0.0, expected_per_s=500.0, expected_later_per_s=500.0), SCALING, SETTLED)
    assert decided.target == math.ceil(500 * 0.014 / 0.8)
    assert "the forecast asks 9 (500.0/s of 14 ms within 4 s, 80% full or 1 to spare)" in decided.why


def test_a_rush_that_nobody_foretold_starts_them_before_it_waits_in_a_queue() -> None:
    decided = decide(seen(requests=1.0, arriving_per_s=500.0), SCALING, SETTLED)
    assert decided.target == math.ceil(500 * 0.014 / 0.8)
    assert "; what has just come asks 9 (500.0/s)" in decided.why


def test_what_has_just_come_by_chance_starts_nothing() -> None:
    """Three of four replicas are busy with 214/s; 236 in a second may be chance then, 240 are none."""
    assert decide(seen(arriving_per_s=236.0), SCALING, SETTLED).target == 4
    assert decide(seen(arriving_per_s=240.0), SCALING, SETTLED).target == 5


def test_where_nothing_comes_that_asks_for_nothing() -> None:
    decided = decide(seen(requests=0.0, expected_per_s=None, arriving_per_s=0.0), SCALING, SETTLED)
    assert decided.asks.arrivals == 0
    assert "what has just come" not in decided.why


def test_what_comes_keeps_the_replicas_that_it_needs() -> None:
    quiet = {"requests": 0.0, "expected_per_s": 0.0, "expected_later_per_s": 0.0}
    assert after(600, arriving_per_s=150.0, **quiet).target == 3
    assert after(600, arriving_per_s=None, **quiet).target == 1


def test_where_cores_are_few_one_replica_starts_after_the_other() -> None:
    scaling, memory, targets = replace(SCALING, starts_at_once=1), SETTLED, [4]
    for second in range(1, 30):
        running = targets[-1] if second % 4 == 0 else min(targets[-1], 3 + len(set(targets)))
        looked = seen(now=1000.0 + second, replicas=running, target=targets[-1], expected_per_s=400.0)
        decided = decide(looked, scaling, memory)
        memory = decided.memory
        targets.append(decided.target)
    assert sorted(set(targets)) == [4, 5, 6, 7]
    one = decide(seen(expected_per_s=400.0), scaling, SETTLED)
    assert one.why.endswith("no more than 1 start at once")
    assert decide(seen(replicas=2, expected_per_s=400.0), scaling, SETTLED).target == 4  # two that are starting go on


def test_few_replicas_keep_a_whole_one_to_spare() -> None:
    assert after(100, requests=0.0, expected_per_s=50.0, expected_later_per_s=50.0).target == 2


def test_fewer_are_wanted_for_a_minute_before_fewer_there_are() -> None:
    quiet = {"requests": 1.0, "expected_per_s": 10.0, "expected_later_per_s": 10.0}
    assert after(59, **quiet).target == 4
    assert "fewer would do, if that stays so for 1 s" in after(59, **quiet).why
    assert after(60, **quiet).target == 2


def test_a_replica_that_is_wanted_again_soon_stays() -> None:
    decided = after(600, requests=1.0, expected_per_s=10.0, expected_later_per_s=210.0)
    assert decided.target == 4
    assert "the forecast asks 4 again within 300 s" in decided.why


def test_a_queue_just_below_the_limit_ends_no_replica() -> None:
    assert after(600, requests=5.9, expected_per_s=0.0, expected_later_per_s=0.0).target == 4
    assert after(600, requests=4.7, expected_per_s=0.0, expected_later_per_s=0.0).target == 3


def test_a_fresh_controller_holds_what_there_is() -> None:
    storm = {"requests": 30.0, "expected_per_s": 900.0, "expected_later_per_s": 900.0}
    decided = after(3, memory=Memory(), **storm)
    assert (decided.target, decided.asks.held) == (4, "settling")
    assert after(4, memory=Memory(), **storm).target == 16  # which the forecast asks, the queue would have to wait


def test_nothing_is_decided_while_nobody_reports() -> None:
    decided = after(600, requests=None, expected_per_s=900.0)
    assert decided.target == 4
    assert "nobody has reported requests" in decided.why


def test_a_clock_that_jumps_brings_no_scale_down_nearer() -> None:
    quiet = seen(requests=0.0, expected_per_s=0.0, expected_later_per_s=0.0)
    memory = decide(replace(quiet, now=1010.0), SCALING, SETTLED).memory
    for now in (5e9, 1011.0, -3.0, 1e308, math.nan, 1012.0):
        decided = decide(replace(quiet, now=now), SCALING, memory)
        memory = decided.memory
        assert decided.target == 4
    assert memory.below_s == 10.0


def test_bounds_that_contradict_each_other_are_turned_round_and_said() -> None:
    decided = after(3, requests=40.0, bounds=Bounds(8, 3))
    assert decided.target == 8
    assert "the bounds contradict each other, 3 to 8 is taken" in decided.why


def test_without_a_forecast_the_queue_decides_alone() -> None:
    decided = after(100, requests=3.0, expected_per_s=None, expected_later_per_s=math.nan)
    assert decided.target == 2
    assert "there is no forecast" in decided.why


@given(st.lists(NUMBERS, min_size=10, max_size=10))
def test_no_numbers_make_it_raise_or_leave_the_bounds(numbers: list[Any]) -> None:
    now, target, requests, expected, later, service, start, low, high, arriving = numbers
    looked = Observation(now, 3, target, requests, expected, later, service, start, Bounds(low, high), arriving)
    decided = decide(looked, SCALING, SETTLED)
    assert isinstance(decided.target, int)
    assert decided.asks.bounds[0] <= decided.target <= decided.asks.bounds[1]
    assert decided.why
    assert decide(seen(start_s=start), SCALING, SETTLED).why
    json.dumps(decided.memory.as_dict())


@given(
    st.lists(LOADS, min_size=6, max_size=6),
    st.floats(0, 60),
    st.integers(0, 20),
    st.floats(0, 3),
    st.integers(0, 20),
    st.integers(1, 16),
)
def test_more_load_never_gives_fewer(
    loads: list[float],
    below: float,
    most: int,
    above: float,
    least: int,
    target: int,
) -> None:
    requests, more, expected, sooner, arriving, faster = loads
    memory = Memory(1000.0, 3.0, below, min(most, target), above, least)
    less = seen(
        target=target,
        requests=requests,
        expected_per_s=expected,
        expected_later_per_s=expected,
        arriving_per_s=arriving,
    )
    busier = replace(
        less,
        requests=requests + more,
        expected_per_s=expected + sooner,
        expected_later_per_s=expected + sooner,
        arriving_per_s=arriving + faster,
    )
    assert decide(busier, SCALING, memory).target >= decide(less, SCALING, memory).target


@given(LOADS, LOADS, LOADS, LOADS, st.integers(1, 16))
def test_under_constant_load_it_goes_up_by_what_it_knows_at_once_and_the_queue_or_once_down(
    requests: float, expected: float, later: float, arriving: float, target: int
) -> None:
    memory, targets = SETTLED, [target]
    for second in range(1, 200):
        looked = seen(
            now=1000.0 + second,
            target=targets[-1],
            requests=requests,
            expected_per_s=expected,
            expected_later_per_s=max(expected, later),
            arriving_per_s=arriving,
        )
        decided = decide(looked, SCALING, memory)
        memory = decided.memory
        targets.append(decided.target)
    steps = [other - one for one, other in pairwise(targets) if one != other]
    assert len(steps) <= 1 or (len(steps) == 2 and min(steps) > 0)


@given(st.dictionaries(st.sampled_from(["last", "seen_s", "below_s", "most", "above_s", "least", "more"]), NUMBERS))
def test_a_memory_of_anything_is_a_memory(kept: dict[str, Any]) -> None:
    decide(seen(), SCALING, Memory.of(kept))


def test_a_memory_comes_back_as_it_was() -> None:
    memory = Memory(12.5, 3.0, 7.25, 4, 0.5, 9)
    assert Memory.of(json.loads(json.dumps(memory.as_dict()))) == memory
    assert Memory.of([("most", 4)]) == Memory()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"utilisation": 0}, "utilisation must be above 0 and at most 1, it is 0"),
        ({"utilisation": 1.5}, "utilisation must be above 0 and at most 1, it is 1.5"),
        ({"down_after_s": -1}, "down_after_s must be at least 0 and at most 1e+09, it is -1"),
        ({"spare": math.nan}, "spare must be a number, it is nan"),
        ({"requests_per_replica": "two"}, "requests_per_replica must be a number, it is 'two'"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(setting: dict[str, Any], said: str) -> None:
    with pytest.raises(BadScaling, match="^" + said.replace("+", r"\+") + "$"):
        Scaling(**setting)
