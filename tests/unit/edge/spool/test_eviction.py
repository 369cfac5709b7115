from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge.spool.entry import Entry
from edge.spool.eviction import RANKS, expired, rank, victims


def entry(number: int, size: int = 10) -> Entry:
    return Entry(number, "id", "door", "button", None, Path("x"), size)


def numbers(chosen: list[Entry] | None) -> list[int] | None:
    return None if chosen is None else [each.number for each in chosen]


QUEUES = [[entry(5), entry(6)], [entry(4)], [entry(2), entry(3)], [entry(1)]]


def test_a_face_is_worth_more_than_none_and_a_button_more_than_motion() -> None:
    ranks = [
        rank(False, "motion"),
        rank(False, "timer"),
        rank(False, "button"),
        rank(None, "motion"),
        rank(None, "button"),
        rank(True, "motion"),
        rank(True, "button"),
    ]

    assert ranks == [0, 0, 1, 2, 2, 3, 3]
    assert max(ranks) == RANKS - 1


def test_the_oldest_of_the_lowest_rank_goes_first() -> None:
    assert numbers(victims(QUEUES, 3, 1, 0)) == [5]
    assert numbers(victims(QUEUES, 3, 4, 0)) == [5, 6, 4, 2]
    assert numbers(victims(QUEUES, 3, 0, 25)) == [5, 6, 4]
    assert numbers(victims(QUEUES, 3, 6, 0)) == [5, 6, 4, 2, 3, 1]


def test_nothing_goes_where_nothing_has_to() -> None:
    assert victims(QUEUES, 0, 0, -5) == []
    assert victims([[]] * RANKS, 0, -3, 0) == []


def test_nothing_goes_for_a_newcomer_worth_less() -> None:
    assert numbers(victims(QUEUES, 0, 2, 0)) == [5, 6]
    assert victims(QUEUES, 0, 3, 0) is None
    assert victims(QUEUES, 2, 0, 51) is None


@given(
    sizes=st.lists(st.lists(st.integers(0, 50), max_size=5), min_size=RANKS, max_size=RANKS),
    newcomer=st.integers(0, RANKS - 1),
    frames=st.integers(-3, 10),
    size=st.integers(-50, 300),
)
def test_what_goes_is_enough_and_not_one_too_many(
    sizes: list[list[int]], newcomer: int, frames: int, size: int
) -> None:
    queues = [[entry(10 * worth + n, size) for n, size in enumerate(each)] for worth, each in enumerate(sizes)]
    allowed = [each for queue in queues[: newcomer + 1] for each in queue]
    chosen = victims(queues, newcomer, frames, size)

    if chosen is None:
        assert len(allowed) < frames or sum(each.size for each in allowed) < size
        return
    assert chosen == allowed[: len(chosen)]
    assert len(chosen) >= frames
    assert sum(each.size for each in chosen) >= size
    if chosen:
        assert len(chosen) - 1 < frames or sum(each.size for each in chosen[:-1]) < size


def test_only_what_is_older_than_the_limit_has_expired() -> None:
    ages = {1: 30.0, 2: 20.0, 3: 10.0}
    waiting = [entry(number) for number in ages]

    assert numbers(expired(waiting, lambda each: ages[each.number], 10.0)) == [1, 2]
    assert expired(waiting, lambda each: ages[each.number], None) == []
