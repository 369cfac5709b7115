from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backup.manifest import RANGES_A_PAGE, Range
from backup.ranges import in_order, in_pages, in_ranges, renewed
from backup.tables import Cut, Table


def table(cut: Cut) -> Table:
    return Table("t", (("id", "plain"), ("n", "plain")), ("id",), frozenset({"id"}), cut, True)


def a_range(key: object, count: int = 1) -> Range:
    return Range(str(key), count, 10, (f"chunk {key} {count}",))


def test_numbers_are_cut_by_their_width() -> None:
    rows = [("a", 0), ("b", 999), ("c", 1000), ("d", 12_345)]

    found = {key: len(those) for key, those in in_ranges(table(Cut("n", 1000)), rows)}

    assert found == {"0": 2, "1": 1, "12": 1}


def test_text_is_cut_by_how_it_begins() -> None:
    rows = [("", 1), ("a", 1), ("ab", 1), ("abc", 1), ("b", 1)]

    assert [key for key, _ in in_ranges(table(Cut("id", 0)), rows)] == ["", "a", "ab", "b"]


def test_a_small_table_is_one_range() -> None:
    assert [key for key, _ in in_ranges(table(Cut("", 0)), [("a", 1), ("b", 2)])] == [""]


def test_changed_ranges_are_new_or_gone() -> None:
    base = [a_range(0), a_range(1), a_range(2)]

    found = renewed(base, {"1", "2", "3"}, {"1": a_range(1, 5), "3": a_range(3)})

    assert found == [a_range(0), a_range(1, 5), a_range(3)]


@given(st.sets(st.one_of(st.integers(0, 5000).map(str), st.text(max_size=2))))
def test_pages_have_every_range_once(keys: set[str]) -> None:
    ranges = in_order(map(a_range, keys))

    pages = list(in_pages(ranges))

    assert [each for page in pages for each in page] == ranges
    assert all(0 < len(page) <= RANGES_A_PAGE for page in pages)


@given(st.sets(st.integers(0, 3000), min_size=1), st.integers(0, 3000))
def test_a_range_of_numbers_that_comes_or_goes_changes_one_page(keys: set[int], other: int) -> None:
    before, after = (list(in_pages(in_order(map(a_range, each)))) for each in (keys, keys ^ {other}))

    assert len([page for page in after if page not in before]) <= 1
