from __future__ import annotations

import sqlite3
from pathlib import Path

from benchmarks.backup.made_data import add_events, make, person_ids
from benchmarks.gallery_fill import gallery_in
from serve_apps.database import connect
from serve_apps.events.event import EventFilter
from serve_apps.events.store import EventStore


def quiet(_: str) -> None:
    pass


def test_made_people_and_events_are_read_by_the_application(tmp_path: Path) -> None:
    make(tmp_path, people=20, events=50, say=quiet)
    gallery, events = gallery_in(tmp_path), EventStore(connect(f"sqlite:///{tmp_path}/doorbell.db"))

    assert len(gallery.people()) == 20
    assert {len(gallery.crop(face)) for face in gallery.faces()} == {24_000}
    found = events.newest_first(EventFilter(), 100)
    assert len(found) == 50
    assert {person for event in found for person in event.person_ids} <= {person.id for person in gallery.people()}


def test_more_events_come_after_those_that_are_there(tmp_path: Path) -> None:
    make(tmp_path, people=2, events=5, say=quiet)
    add_events(tmp_path / "doorbell.db", person_ids(tmp_path / "doorbell.db"), 7)

    with sqlite3.connect(tmp_path / "doorbell.db") as connection:
        assert [row[0] for row in connection.execute("SELECT seq FROM events ORDER BY seq")] == list(range(1, 13))
