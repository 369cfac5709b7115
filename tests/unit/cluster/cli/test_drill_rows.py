"""A restored database beside a source that goes on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.cli.drill_rows import compared
from cluster.security.api_keys import KeyStore, Scope
from cluster.security.keyring import Keyring
from serve_apps.database import connect
from serve_apps.faces import Standing
from serve_apps.gallery.crops import FolderCrops
from serve_apps.gallery.store import Gallery

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


class Two:
    """A source with two people, three events and a key, and a copy of it."""

    def __init__(self, folder: Path, migrated: Path) -> None:
        shutil.copy(migrated, folder / "source.db")
        self.source = connect(f"sqlite:///{folder}/source.db")
        keyring = Keyring(connect(f"sqlite:///{folder}/keyring.db"), bytes(32))
        self.gallery = Gallery(self.source, keyring, FolderCrops(folder / "crops"))
        for name in ("Ada", "Bob"):
            self.gallery.add_person(name, Standing.KNOWN, NOW)
        KeyStore(self.source).create("door", frozenset({Scope.FRAMES}), NOW)
        self.events(self.source, 3)
        self.source.dispose()
        shutil.copy(folder / "source.db", folder / "restored.db")
        self.restored = connect(f"sqlite:///{folder}/restored.db")

    def events(self, engine: sa.Engine, count: int) -> None:
        with engine.begin() as connection:
            for _ in range(count):
                seq = (connection.exec_driver_sql("SELECT max(seq) FROM events").scalar() or 0) + 1
                connection.exec_driver_sql(
                    "INSERT INTO events (seq, id, frame_id, frame_sha256, camera_id, captured_at, received_at, trigger,"
                    " verdict, release, faces) VALUES (?, ?, ?, ?, 'front', '2026-03-01 12:00:00.000000',"
                    " '2026-03-01 12:00:00.000000', 'button', 'unknown', 'r-1', '[]')",
                    (seq, f"event-{seq}", f"frame-{seq}", "0" * 64),
                )

    def different(self) -> tuple[str, ...]:
        return compared(self.restored, self.source, NOW + timedelta(minutes=1)).different


@pytest.fixture
def two(tmp_path: Path, migrated: Path) -> Iterator[Two]:
    made = Two(tmp_path, migrated)
    yield made
    made.source.dispose()
    made.restored.dispose()


def test_a_copy_has_no_difference_and_every_row_is_counted(two: Two) -> None:
    found = compared(two.restored, two.source, NOW)
    assert found.different == ()
    assert (found.rows["people"], found.rows["events"], found.rows["api_keys"]) == (2, 3, 1)


def test_what_the_source_did_since_the_snapshot_is_no_difference(two: Two) -> None:
    two.events(two.source, 5)
    two.gallery.add_person("Cy", Standing.KNOWN, LATER)
    two.gallery.change_person("Ada", "Ada L.", None)
    two.gallery.remove_people([two.gallery.person("Bob")])
    KeyStore(two.source).create("another", frozenset({Scope.FRAMES}), LATER)
    assert two.different() == ()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM events WHERE seq = 2", "events 2: not restored"),
        ("UPDATE events SET verdict = 'known' WHERE seq = 1", "events 1: restored otherwise"),
        ("UPDATE people SET name = 'Eve' WHERE name = 'Ada'", "restored otherwise"),
        ("DELETE FROM people WHERE name = 'Ada'", "not restored"),
        ("DELETE FROM api_keys", "not restored"),
    ],
)
def test_a_row_that_was_lost_or_changed_is_named(two: Two, statement: str, said: str) -> None:
    with two.restored.begin() as connection:
        connection.exec_driver_sql(statement)
    (line,) = two.different()
    assert said in line


def test_what_was_lost_at_the_end_or_altogether_is_found_too(two: Two) -> None:
    two.events(two.source, 1)
    lost = {"events": 4, "gallery_changes": 2}
    for table in lost:
        with two.restored.begin() as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")
    found = compared(two.restored, two.source, LATER).different
    assert {table: sum(line.startswith(f"{table} ") for line in found) for table in lost} == lost
