from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.restore import journal
from backup.restore.swap import back, forward, moves_of, waiting

Tree = dict[str, str]


def tree(folder: Path) -> Tree:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def filled(folder: Path, live: Tree, new: Tree) -> None:
    for name, content in live.items():
        (folder / name).write_text(content)
    for name, content in new.items():
        waiting(folder, folder / name).write_text(content)


@given(st.dictionaries(st.sampled_from("abc"), st.just("old")), st.dictionaries(st.sampled_from("abc"), st.just("new")))
def test_a_swap_and_its_way_back_may_be_done_again_at_any_time(live: Tree, new: Tree) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal.begin(folder, "snapshot")
        filled(folder, live, new)
        moves = moves_of(folder, [folder / each for each in "abc"], [])
        for _ in range(2):
            forward(moves)
            assert tree(folder) == new
        for _ in range(2):
            back(moves)
            assert tree(folder) == live


def test_what_lies_beside_a_database_goes_with_it(tmp_path: Path) -> None:
    journal.begin(tmp_path, "snapshot")
    filled(tmp_path, {"d.db": "old", "d.db-wal": "of the old one"}, {"d.db": "new"})
    moves = moves_of(tmp_path, [tmp_path / "d.db"], [tmp_path / "d.db"])

    forward(moves)
    assert tree(tmp_path) == {"d.db": "new"}
    (tmp_path / "d.db-wal").write_text("of the new one")
    back(moves)

    assert tree(tmp_path) == {"d.db": "old", "d.db-wal": "of the old one"}


@pytest.mark.parametrize("place", ["data", "elsewhere"])
def test_what_came_beside_a_database_since_is_the_old_ones_until_the_new_one_is_there(
    place: str, tmp_path: Path
) -> None:
    folder, database = tmp_path / "data", tmp_path / place / "d.db"
    journal.begin(folder, "snapshot")
    database.parent.mkdir(exist_ok=True)
    database.write_text("old")
    waiting(folder, database).write_text("new")
    moves = moves_of(folder, [database], [database])
    wal = database.with_name("d.db-wal")

    wal.write_text("of the old one")
    forward(moves)
    assert (database.read_text(), wal.exists()) == ("new", False)
    wal.write_text("of the new one")
    forward(moves)
    assert (database.read_text(), wal.read_text()) == ("new", "of the new one")
    back(moves)
    assert (database.read_text(), wal.read_text()) == ("old", "of the old one")


def test_what_came_beside_a_database_that_is_back_stays_with_it(tmp_path: Path) -> None:
    journal.begin(tmp_path, "snapshot")
    filled(tmp_path, {"d.db": "old"}, {"d.db": "new"})
    moves = moves_of(tmp_path, [tmp_path / "d.db"], [tmp_path / "d.db"])
    forward(moves)
    back(moves)

    (tmp_path / "d.db-wal").write_text("of the old one")
    back(moves)

    assert tree(tmp_path) == {"d.db": "old", "d.db-wal": "of the old one"}


def test_a_path_outside_of_the_folder_is_swapped_beside_itself(tmp_path: Path) -> None:
    folder, other = tmp_path / "data", tmp_path / "elsewhere" / "notices.yaml"
    other.parent.mkdir()
    other.write_text("old")
    journal.begin(folder, "snapshot")
    waiting(folder, other).write_text("new")
    moves = moves_of(folder, [other], [])

    forward(moves)
    assert other.read_text() == "new"
    back(moves)
    assert other.read_text() == "old"


def test_the_journal_comes_back_as_it_was_written(tmp_path: Path) -> None:
    journal.begin(tmp_path, "snapshot")
    written = journal.Journal("swapping", "s", moves_of(tmp_path, [tmp_path / "a"], []), (("database", ("x", "y")),))

    journal.write(tmp_path, written)

    assert journal.read(tmp_path) == written
    journal.clear(tmp_path)
    assert journal.read(tmp_path) is None
