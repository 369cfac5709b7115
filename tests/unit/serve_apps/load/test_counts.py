from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_apps.load.counts import BINS, EVERYBODY, LoadCounts, Sixty, group_of

COUNTS = st.lists(st.integers(0, 2**32 - 1), min_size=BINS, max_size=BINS)


class Clock:
    def __init__(self, now: float = 600.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def totals(rows: list[Sixty]) -> dict[tuple[int, str], tuple[int, int]]:
    return {(row.start, row.group): (sum(row.admitted), sum(row.refused)) for row in rows}


def test_posts_are_counted_in_their_second_and_group() -> None:
    clock = Clock(603.7)
    counts = LoadCounts(["front-*"], clock)

    counts.note("front-1")
    counts.note("back-1", refused=True)
    clock.now = 661.0
    counts.note("front-2")

    rows = counts.changed()
    assert totals(rows) == {
        (600, "front-*"): (1, 0),
        (600, EVERYBODY): (0, 1),
        (660, "front-*"): (1, 0),
        (660, EVERYBODY): (0, 0),
    }
    (first,) = (row for row in rows if (row.start, row.group) == (600, "front-*"))
    assert first.admitted[3] == 1


def test_a_quiet_minute_is_recorded_as_quiet() -> None:
    assert totals(LoadCounts(clock=Clock()).changed()) == {(600, EVERYBODY): (0, 0)}


def test_a_minute_that_is_over_and_written_is_forgotten_and_a_changed_one_is_not() -> None:
    clock = Clock(600.0)
    counts = LoadCounts(clock=clock)
    counts.note("a")
    rows = counts.changed()
    counts.note("a")
    clock.now = 665.0
    counts.written(rows)

    assert totals(counts.changed()) == {(600, EVERYBODY): (2, 0), (660, EVERYBODY): (0, 0)}


def test_what_was_not_written_comes_again_and_the_oldest_is_given_up() -> None:
    clock = Clock(600.0)
    counts = LoadCounts(clock=clock)
    for minute in range(4):
        clock.now = 600.0 + 60 * minute
        counts.note("a")

    assert counts.not_written(counts.changed(), most=3) == 1
    assert [start for start, _ in sorted(totals(counts.changed()))] == [660, 720, 780]


def test_a_clock_that_goes_back_never_overwrites_what_is_on_disk() -> None:
    clock = Clock(600.0)
    counts = LoadCounts(clock=clock)
    counts.note("a")
    clock.now = 700.0
    before = counts.changed()
    counts.written(before)

    clock.now = 610.0
    counts.note("a")
    after = counts.changed()

    assert {row.source for row in before} & {row.source for row in after} == set()


@given(COUNTS, COUNTS)
def test_a_row_is_read_back_as_it_was_packed(admitted: list[int], refused: list[int]) -> None:
    row = Sixty(600, 1, EVERYBODY, "s", admitted, refused)
    assert Sixty.unpacked(600, 1, EVERYBODY, "s", row.packed()) == row


def test_a_usual_row_is_small() -> None:
    quiet = Sixty(0, 1, EVERYBODY, "s")
    busy = Sixty(0, 1, EVERYBODY, "s", [30 + (7 * n) % 11 for n in range(BINS)])
    assert len(quiet.packed()) < 30
    assert len(busy.packed()) < 150


@pytest.mark.parametrize("damaged", [b"", b"x", Sixty(0, 1, "g", "s").packed()[:-4]])
def test_damaged_counts_are_a_clear_error(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="the counts of all from 600 on are damaged"):
        Sixty.unpacked(600, 1, EVERYBODY, "s", damaged)


def test_the_first_pattern_that_fits_is_the_group() -> None:
    assert group_of("front-1", ["front-*", "*"]) == "front-*"
    assert group_of("back", ["front-*"]) == EVERYBODY
