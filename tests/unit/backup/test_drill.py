from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from backup.drill import SHOWN, Drill, differences

SOURCE = {("a",): ("Ada", 1), ("b",): ("Bob", 2)}
rows = st.dictionaries(st.tuples(st.integers(0, 9)), st.tuples(st.integers(0, 3)))


def nobody(*_: object) -> bool:
    return False


def everybody(*_: object) -> bool:
    return True


def found(restored: dict, source: dict) -> list[str]:
    return list(differences("people", restored, source, nobody, nobody))


def test_what_is_equal_has_no_difference() -> None:
    assert found(SOURCE, dict(reversed(SOURCE.items()))) == []


def test_each_kind_of_difference_is_named() -> None:
    restored = {("a",): ("Ada", 9), ("c",): ("Cy", 3)}
    assert found(restored, SOURCE) == [
        "people a: restored otherwise than the source has it (value 2)",
        "people c: restored, but the source has none",
        "people b: not restored",
    ]


def test_what_the_source_did_since_is_no_difference() -> None:
    later = {("c",): ("Cy", 3)}
    assert list(differences("people", SOURCE, later, everybody, everybody)) == []
    assert len(list(differences("people", SOURCE, later, everybody, nobody))) == 1
    assert len(list(differences("people", SOURCE, later, nobody, everybody))) == 2


@given(rows, rows)
def test_there_are_as_many_differences_as_rows_that_are_not_alike(restored: dict, source: dict) -> None:
    alike = {key for key in restored.keys() & source.keys() if restored[key] == source[key]}
    assert len(found(restored, source)) == len((restored.keys() | source.keys()) - alike)


def test_a_report_counts_all_differences_and_shows_the_first() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    drill = Drill("s", now, now, 1.0, 2.0, 1.0, 1.0, 3, 1, 1, 1, tuple(map(str, range(100))))
    said = drill.as_json()
    assert said["differences"] == 100
    assert len(said["different"]) == SHOWN
    assert said["began_at"] == "2026-03-01T00:00:00+00:00"
