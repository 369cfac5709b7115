from __future__ import annotations

from pathlib import Path

import pytest

from serve_apps.gallery.saved import CHUNK, Header, SavedIndex, SavedIndexError, save

KEY = bytes(range(32))
GRAPH, REST = b"graph" * 7, bytes(200)


def a_header(**sections: int) -> Header:
    return Header("space-1", "key-1", 7, "past", 2, 36, 2, sections or {"graph": len(GRAPH), "rest": len(REST)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "index" / "space-1.index"
    save(path, a_header(), KEY, [memoryview(GRAPH), memoryview(REST)])
    return path


def check(path: Path, key: bytes = KEY) -> Header:
    with SavedIndex(path, lambda key_id: key) as saved:
        saved.check()
        return saved.header


def test_what_was_saved_is_read_again(path: Path) -> None:
    with SavedIndex(path, lambda key_id: KEY if key_id == "key-1" else bytes(32)) as saved:
        assert saved.header == a_header()
        assert bytes(saved.read("graph")) == GRAPH
        assert bytes(saved.read("rest")) == REST
        saved.finish()
    assert check(path) == a_header()


def test_nothing_of_it_is_readable_without_the_key(path: Path) -> None:
    assert b"graphgraph" not in path.read_bytes()
    with pytest.raises(SavedIndexError, match="damaged"):
        check(path, bytes(32))


def test_one_flipped_bit_anywhere_is_found(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(SavedIndexError):
            check(path)


def test_a_file_cut_short_anywhere_or_longer_than_it_was_is_found(path: Path) -> None:
    whole = path.read_bytes()
    for content in [*(whole[:length] for length in range(len(whole))), whole + b"\0", whole + whole]:
        path.write_bytes(content)
        with pytest.raises(SavedIndexError):
            check(path)


def test_chunks_in_each_others_places_are_found(tmp_path: Path) -> None:
    path, content = tmp_path / "index", bytes(CHUNK) + b"1" * CHUNK
    save(path, a_header(graph=len(content)), KEY, [memoryview(content)])
    whole, sealed = path.read_bytes(), CHUNK + 16
    path.write_bytes(whole[: -2 * sealed] + whole[-sealed:] + whole[-2 * sealed : -sealed])

    with pytest.raises(SavedIndexError, match="damaged"):
        check(path)


def test_a_chunk_of_another_file_is_found(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    save(other, a_header(), bytes(32), [memoryview(GRAPH), memoryview(REST)])
    path.write_bytes(path.read_bytes()[:-216] + other.read_bytes()[-216:])

    with pytest.raises(SavedIndexError, match="damaged"):
        check(path)


@pytest.mark.parametrize("content", [b"", b"PNG", bytes(5_000)])
def test_another_kind_of_file_is_said_to_be_none(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(SavedIndexError, match="no saved index"):
        check(path)


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SavedIndexError, match="No such file"):
        check(tmp_path / "nothing")


def test_a_save_that_fails_leaves_the_older_file_and_nothing_else(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(TypeError):
        save(path, a_header(), KEY, [memoryview(GRAPH), None])  # type: ignore[list-item]

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
