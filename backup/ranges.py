"""Rows and blobs cut into ranges, and ranges into pages: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from backup.manifest import RANGES_A_PAGE, Range
from backup.tables import PREFIX, Table


def key_of(table: Table) -> Callable[[Sequence[Any]], str]:
    """What gives a row's range."""
    cut = table.cut
    if not cut.column:
        return lambda _: ""
    place, width = table.place(cut.column), cut.width
    if width:
        return lambda row: str(row[place] // width)
    return lambda row: str(row[place])[:PREFIX]


def in_ranges(table: Table, rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, list[Sequence[Any]]]]:
    """Rows that come in their order, a range at a time."""
    for key, those in groupby(rows, key_of(table)):
        yield key, list(those)


def renewed(base: Iterable[Range], changed: Iterable[str], fresh: Mapping[str, Range]) -> list[Range]:
    """The ranges of `base` with those that `changed` in their new form, or gone where there is none."""
    kept = {each.key: each for each in base}
    for key in changed:
        kept.pop(key, None)
    return in_order((kept | dict(fresh)).values())


def in_order(ranges: Iterable[Range]) -> list[Range]:
    """Numbers by their size, before names by theirs."""
    return sorted(ranges, key=_order)


def in_pages(ranges: Sequence[Range]) -> Iterator[Sequence[Range]]:
    """At most 256 ranges each. Numbers keep their page whatever comes and goes before them."""
    numbers = [each for each in ranges if each.key.isdecimal() and each.key.isascii()]
    names = ranges[len(numbers) :]
    for _, page in groupby(numbers, lambda each: int(each.key) // RANGES_A_PAGE):
        yield list(page)
    for start in range(0, len(names), RANGES_A_PAGE):
        yield names[start : start + RANGES_A_PAGE]


def _order(each: Range) -> tuple[int, int, str]:
    number = each.key.isdecimal() and each.key.isascii()
    return (0, int(each.key), each.key) if number else (1, 0, each.key)
