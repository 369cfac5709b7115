"""Whoever is erased after a restore is erased in what the restore left, too: within a snapshot, nobody going back."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from backup.errors import BackupError
from backup.keyring import PERSONS
from backup.restore import journal
from backup.restore.databases import in_schema
from backup.restore.left import erase_left
from backup.restore.partial import restore_config
from backup.restore.undo import forget, undo
from backup.restore.whole import restore
from serve_apps.database import connect
from serve_apps.gallery.person import Person
from tests.integration.backed_up import House, Vault, begun, house
from tests.integration.conftest import new_database


def restored(home: House, kept: Vault, tmp_path: Path) -> Person:
    """Bob, in a house that was restored."""
    _, bob, _ = home.live_in(tmp_path)
    kept.snapshot(home)
    home.close()
    restore(home.state, kept.repository, kept.apart)
    return bob


def persons_in(file: Path) -> set[str]:
    engine = connect(f"sqlite:///{file}")
    with engine.connect() as connection:
        found = set(connection.scalars(sa.text(f"SELECT person_id FROM {PERSONS}")))
    engine.dispose()
    return found


def test_the_next_snapshot_takes_the_key_out_of_the_state_before(home: House, kept: Vault, tmp_path: Path) -> None:
    bob = restored(home, kept, tmp_path)
    before = journal.place(home.folder) / "before"
    with sqlite3.connect(before / "keyring.db") as connection:
        query = f"SELECT wrapped FROM {PERSONS} WHERE person_id = ?"
        (wrapped,) = connection.execute(query, (bob.id,)).fetchone()
    connection.close()
    assert wrapped in (before / "keyring.db").read_bytes()

    home.gallery.remove_people([home.gallery.person("Bob")])
    kept.snapshot(home)

    assert wrapped not in b"".join(path.read_bytes() for path in before.rglob("*") if path.is_file())
    assert not (before / "crops" / bob.id).exists()
    home.close()
    undo(home.state)
    assert {person.name for person in home.gallery.people()} == {"Ada", "Cy"}


def test_a_place_that_does_not_answer_holds_no_erasure_up(home: House, kept: Vault, tmp_path: Path) -> None:
    bob = restored(home, kept, tmp_path)
    home.gallery.remove_people([home.gallery.person("Bob")])
    (tmp_path / "vault" / "apart").rename(tmp_path / "away")
    (tmp_path / "vault" / "apart").touch()  # no folder any more

    with pytest.raises(BackupError):
        kept.snapshot(home)

    assert bob.id not in persons_in(journal.place(home.folder) / "before" / "keyring.db")


def test_it_does_so_where_the_database_was_what_was_lost(home: House, kept: Vault, tmp_path: Path) -> None:
    _, bob, _ = home.live_in(tmp_path)
    kept.snapshot(home)
    home.close()
    (home.folder / "doorbell.db").unlink()
    restore(home.state, kept.repository, kept.apart)
    home.gallery.remove_people([home.gallery.person("Bob")])

    assert erase_left(home.state)

    assert bob.id not in persons_in(journal.place(home.folder) / "before" / "keyring.db")


def test_what_a_killed_load_had_laid_out_goes(home: House, kept: Vault, tmp_path: Path) -> None:
    home.live_in(tmp_path)
    kept.snapshot(home)
    urls = [engine.url.render_as_string() for engine in (home.database, home.keyring_database)]
    command = [sys.executable, "-m", "tests.integration.restored_apart", "restore", home.folder, tmp_path / "vault"]
    home.close()
    killed = subprocess.run([*command, *urls], env=os.environ | {"DOORBELL_FAILPOINT": "restore.after_check"})
    assert killed.returncode == -signal.SIGKILL
    assert persons_in(journal.place(home.folder) / "new" / "keyring.db")

    assert not erase_left(home.state)

    assert not journal.place(home.folder).exists()


def test_a_load_under_way_is_left_alone(home: House, kept: Vault, tmp_path: Path) -> None:
    home.live_in(tmp_path)
    with journal.turn(home.folder, 0):
        journal.begin(home.folder, "a snapshot")
        kept.snapshot(home)
        assert journal.read(home.folder) == journal.Journal("loading", "a snapshot")


def test_the_state_before_can_be_let_go_of(home: House, kept: Vault, tmp_path: Path) -> None:
    restored(home, kept, tmp_path)
    assert forget(home.state)
    assert not journal.place(home.folder).exists()
    assert not forget(home.state)
    assert len(home.gallery.people()) == 3


def test_a_keyring_elsewhere_leaves_nothing_beside_it(kept: Vault, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with house(tmp_path / "data", keyring_url=f"sqlite:///{tmp_path}/elsewhere/keyring.db") as home:
        begun(home)
        bob = restored(home, kept, tmp_path)
        home.close()
        restore(home.state, kept.repository, kept.apart)
        home.gallery.remove_people([home.gallery.person("Bob")])
        kept.snapshot(home)
        assert bob.id not in persons_in(tmp_path / "elsewhere" / "keyring.db.before-restore")
        home.close()
        assert forget(home.state)
    assert not [path for path in (tmp_path / "elsewhere").iterdir() if "restore" in path.name]


@pytest.mark.parametrize("journal_lost", [False, True])
def test_on_postgresql_too(journal_lost: bool, kept: Vault, tmp_path: Path, postgres: str) -> None:
    urls = (new_database(postgres, "template1"), new_database(postgres, "template1"))
    with house(tmp_path / "data", *urls) as home:
        begun(home)
        bob = restored(home, kept, tmp_path)
        if journal_lost:  # the schedule runs on another machine
            journal.clear(home.folder)
        home.gallery.remove_people([home.gallery.person("Bob")])
        kept.snapshot(home)
        before = connect(in_schema(home.keyring_database, "keyring_before_restore"))
        with before.connect() as connection:
            left = set(connection.scalars(sa.text(f"SELECT person_id FROM {PERSONS}")))
        before.dispose()
        assert len(left) == 2
        assert bob.id not in left
        home.close()
        assert forget(home.state)


def test_a_restored_config_lets_go_of_the_state_before(home: House, kept: Vault, tmp_path: Path) -> None:
    restored(home, kept, tmp_path)
    restore_config(home.state, kept.repository)
    assert not (journal.place(home.folder) / "before" / "keyring.db").exists()
