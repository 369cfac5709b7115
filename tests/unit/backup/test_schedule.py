from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backup.schedule import LONGEST_PAUSE, Cadence, age_at_start, due_in, pause_after

EVERY_TEN = Cadence(every=10, again=2)
seconds = st.floats(0, 1e7)


def test_what_was_never_done_is_due_now() -> None:
    assert due_in(EVERY_TEN, None) == 0


def test_it_begins_so_early_that_it_ends_in_time() -> None:
    assert due_in(EVERY_TEN, age=3, took=2) == 5
    assert due_in(EVERY_TEN, age=9, took=2) == 0


def test_what_takes_longer_than_its_turn_leaves_half_of_the_time_to_others() -> None:
    assert due_in(EVERY_TEN, age=0, took=60) == 5


@given(st.none() | seconds, seconds)
def test_a_clock_that_was_set_back_costs_at_most_one_turn(last: float | None, now: float) -> None:
    age = age_at_start(last, now)
    assert age is None or age >= 0
    assert 0 <= due_in(EVERY_TEN, age) <= EVERY_TEN.every


@given(st.integers(1, 10_000), seconds.filter(bool))
def test_pauses_grow_and_end(failures: int, again: float) -> None:
    cadence = Cadence(3600, again)
    assert again <= pause_after(cadence, failures) <= pause_after(cadence, failures + 1) <= max(LONGEST_PAUSE, again)
