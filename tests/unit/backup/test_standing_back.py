from __future__ import annotations

import os
from collections import namedtuple
from collections.abc import Iterator

import pytest

from backup.standing_back import StandingBack

Times = namedtuple("Times", ["user", "idle"])


def standing_back(*times: tuple[float, float]) -> StandingBack:
    said: Iterator[Times] = iter(Times(*each) for each in times)
    return StandingBack(lambda: next(said))


def policy() -> int:
    return os.sched_getscheduler(0)


def policy_behind(back: StandingBack) -> int:
    with back() as behind:
        return behind(policy)


def test_while_there_is_room_work_comes_behind_all_others_and_the_caller_stays_where_it_is() -> None:
    before = policy()

    assert policy_behind(standing_back((0, 0), (7, 3))) == os.SCHED_IDLE
    assert policy() == before


def test_without_room_it_takes_its_turn() -> None:
    assert policy_behind(standing_back((0, 0), (9, 1))) == policy()


def test_room_is_what_was_there_since_the_last_time() -> None:
    back = standing_back((0, 0), (0, 10), (10, 10), (10, 20))

    assert [policy_behind(back) == os.SCHED_IDLE for _ in range(3)] == [True, False, True]


def test_a_clock_that_stood_still_is_no_room() -> None:
    assert policy_behind(standing_back((5, 5), (5, 5))) == policy()


def test_what_goes_wrong_is_the_callers() -> None:
    def fail() -> None:
        raise ValueError("no disk")

    with pytest.raises(ValueError, match="no disk"), standing_back((0, 0), (0, 10))() as behind:
        behind(fail)
