from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from backup.errors import CannotRestore
from backup.restore.sqlite_load import SqliteLoad
from tests.integration.backed_up import begun, house

PERSON = ("id", "name", "standing", "created_at")
NOW = "2026-03-01 12:00:00.000000"


@pytest.fixture
def file(migrated: Path, tmp_path: Path) -> Path:
    """A database with all tables and no rows."""
    copy = tmp_path / "new.db"
    copy.write_bytes(migrated.read_bytes())
    return copy


def schema(file: Path) -> set[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


def loaded(file: Path, *people: str) -> None:
    with SqliteLoad(file) as load:
        load.rows("people", PERSON, [(f"{name}-id", name, "known", NOW) for name in people])
        load.finish({("events", "seq"): 41})


def test_a_loaded_database_has_the_schema_that_it_had(file: Path) -> None:
    before = schema(file)

    loaded(file, "Ada", "Bob")

    assert schema(file) == before
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM backup_tracked").fetchone()[0] > 10
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("again", [("Ada-id", "Eve"), ("Eve-id", "Ada")])
def test_its_constraints_hold(file: Path, again: tuple[str, str]) -> None:
    loaded(file, "Ada")

    with closing(sqlite3.connect(file)) as connection, pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        connection.execute("INSERT INTO people VALUES (?, ?, 'known', ?)", (*again, NOW))


def test_rows_that_break_a_constraint_are_refused(file: Path) -> None:
    with pytest.raises(CannotRestore, match="UNIQUE constraint failed"):
        loaded(file, "Ada", "Ada")


def test_a_house_lives_on_in_a_loaded_database(tmp_path: Path) -> None:
    with house(tmp_path / "data") as home:
        begun(home).close()
        loaded(home.folder / "doorbell.db")

        people = home.live_in(tmp_path)
        home.gallery.remove_people([people[0]])

        assert {person.name for person in home.gallery.people()} == {"Bob", "Cy"}
        assert home.post("frame").seq == 48
        with closing(sqlite3.connect(home.folder / "doorbell.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
