from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup import packing
from backup.errors import Damaged
from backup.manifest import Range
from backup.packing import Entry, blobs_in, check_range, cut, pack_index, pack_rows, unpack_rows

values = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(), st.binary())
rows = st.lists(st.tuples(values, values))
blobs = st.dictionaries(st.text(min_size=1), st.binary(max_size=50), min_size=1)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "CHUNK_BYTES", 40)


def chunks_of(content: dict[str, bytes]) -> list[bytes]:
    index = [Entry(name, len(data), 7) for name, data in content.items()]
    return [pack_index(index), *cut(content.values())]


def read(chunks: list[bytes]) -> dict[str, bytes]:
    return {entry.name: b"".join(parts) for entry, parts in blobs_in(iter(chunks))}


@given(rows)
def test_rows_come_back_whatever_is_in_them(given_rows: list[tuple[object, ...]]) -> None:
    chunks = list(pack_rows(given_rows))

    assert [tuple(row) for chunk in chunks for row in unpack_rows(chunk)] == given_rows
    assert all(len(chunk) <= 40 or len(unpack_rows(chunk)) == 1 for chunk in chunks)
    check_range("rows", Range("0", len(given_rows), sum(map(len, chunks)), ()), chunks)


@given(blobs)
def test_blobs_come_back_whatever_is_in_them(content: dict[str, bytes]) -> None:
    chunks = chunks_of(content)

    assert read(chunks) == content
    assert all(len(chunk) <= 40 for chunk in chunks[1:])
    check_range("blobs", Range("ab", len(content), sum(map(len, chunks)), ()), chunks)


@given(st.lists(st.binary(max_size=200)))
def test_cutting_loses_no_byte(parts: list[bytes]) -> None:
    chunks = list(cut(parts))

    assert b"".join(chunks) == b"".join(parts)
    assert all(len(chunk) == 40 for chunk in chunks[:-1])


def test_blobs_that_are_cut_short_or_too_long_are_found() -> None:
    chunks = chunks_of({"a": b"1" * 60, "b": b"2" * 10})

    with pytest.raises(Damaged, match="b ends before its 10 bytes"):
        read([*chunks[:-1], chunks[-1][:-1]])
    with pytest.raises(Damaged, match="more bytes than the blobs have"):
        read([*chunks, b"3"])


@pytest.mark.parametrize(("count", "size"), [(1, 0), (0, 1)])
def test_a_range_that_has_other_numbers_than_it_says_is_found(count: int, size: int) -> None:
    for kind, chunks in (("rows", list(pack_rows([(1,), (2,)]))), ("blobs", chunks_of({"a": b"1", "b": b"2"}))):
        wrong = Range("0", 2 + count, sum(map(len, chunks)) + size, ())
        with pytest.raises(Damaged, match="range '0' has"):
            check_range(kind, wrong, chunks)


@pytest.mark.parametrize("chunk", [b"", b"\xc1", b"\x01", b"\x91\x01"])
def test_what_is_no_chunk_is_damaged(chunk: bytes) -> None:
    def content() -> Iterator[bytes]:
        yield chunk

    with pytest.raises(Damaged):
        list(blobs_in(content()))
