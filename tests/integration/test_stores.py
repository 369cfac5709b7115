from __future__ import annotations

import dataclasses
import json
import multiprocessing
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from apprise.plugins.custom_json import NotifyJSON

from cluster.deployment.history import rollouts
from cluster.monitoring.meter import SILENT, Meter
from cluster.monitoring.spans import Told
from cluster.security import device_codes
from cluster.security.api_keys import KeyCheck, KeyStore, Scope
from cluster.security.keyring import Keyring, KeyringError
from serve_apps import tables
from serve_apps.database import DatabaseError, connect, in_commit_order, migrate
from serve_apps.events import store
from serve_apps.events.bins import Bin, binned
from serve_apps.events.event import Event, EventFilter
from serve_apps.events.failures import FailedTry, Failures
from serve_apps.events.observations import Observations, Seen, observed
from serve_apps.events.store import EventStore, FrameIdReused
from serve_apps.faces import Box, Frame, Identity, Recognition, Standing, Trigger, Verdict
from serve_apps.gallery.audited import actor
from serve_apps.gallery.chains import NOBODY
from serve_apps.gallery.crops import CropsUnavailable, FolderCrops
from serve_apps.gallery.index import GalleryIndex
from serve_apps.gallery.owed import remove_owed
from serve_apps.gallery.person import NewFace, Person
from serve_apps.gallery.store import Gallery, NameTaken, NobodyOfThatName, NoSuchFace, PhotoAlreadyEnrolled
from serve_apps.notifications import outbox as outbox_module
from serve_apps.notifications.channels import AppriseChannel, LogChannel, NotDelivered
from serve_apps.notifications.courier import Courier
from serve_apps.notifications.outbox import LEASE, MOST_ATTEMPTS, Notice, Outbox
from serve_apps.notifications.rules import Rule, Rules
from serve_apps.pipeline import Pipeline, record
from tests.noted import Noted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPACE = "space-1"


@dataclass(frozen=True)
class Household:
    """Every store on one database."""

    url: str
    engine: sa.Engine
    keyring: Keyring
    crops: FolderCrops
    folder: Path

    @property
    def gallery(self) -> Gallery:
        return Gallery(self.engine, self.keyring, self.crops)

    @property
    def events(self) -> EventStore:
        return EventStore(self.engine)

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.engine, jitter=lambda: 1.0)

    def pipeline(self, rules: Rules) -> Pipeline:
        pool = ThreadPoolExecutor(1)
        return Pipeline(self.engine, self.events, lambda: rules, None, pool, pool)

    def post(self, frame: Frame, *recipients: str, people: tuple[str, ...] = ()) -> tuple[Event, bool]:
        return record(frame, recognition(*people), self.pipeline(Rules((Rule(recipients),) if recipients else ())))

    def enrol(self, name: str, place: float = 0.0, photo: str = "1", standing: Standing = Standing.KNOWN) -> Person:
        try:
            person = self.gallery.add_person(name, standing, NOW)
        except NameTaken:
            person = self.gallery.person(name)
        self.gallery.add_face(person, a_face(place, photo), NOW)
        return person

    def notices(self) -> list[sa.Row]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.select(tables.notices)))


def a_face(place: float = 0.0, photo: str = "1") -> NewFace:
    return NewFace(photo * 64, 0.9, np.full(128, place, np.float32), SPACE, b"crop of " + photo.encode())


def a_frame(frame_id: str = "frame-1", image: bytes = b"image", **changes: object) -> Frame:
    frame = Frame(frame_id, "front-door", NOW, NOW, Trigger.BUTTON, image)
    return dataclasses.replace(frame, **changes)


def recognition(*people: str, standing: Standing = Standing.KNOWN) -> Recognition:
    box = Box(1.5, 2.5, 100.0, 120.0)
    return Recognition(tuple(Identity(box, 0.9, 0.8, standing, person, 0.3, None) for person in people), "release-1")


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[Household]:
    engine = connect(database)
    keyring = f"sqlite:///{tmp_path}/keyring.db" if engine.dialect.name == "sqlite" else database
    keyring_engine = connect(keyring)
    crops = FolderCrops(tmp_path / "crops")
    yield Household(database, engine, Keyring(keyring_engine, bytes(32)), crops, tmp_path)
    engine.dispose()
    keyring_engine.dispose()


def at_once(count: int, call: Callable[[int], object]) -> list[object]:
    """Call from `count` threads that start at the same moment; results in order, raised errors raised."""
    start = threading.Barrier(count)

    def run(number: int) -> object:
        start.wait()
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


# migration


def test_the_migrated_schema_is_the_one_in_the_code(empty: str) -> None:
    engine = connect(empty)
    migrate(engine)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        declared = [tables.metadata, rollouts.metadata]
        assert device_codes.codes.metadata in declared
        assert compare_metadata(context, declared) == []


def test_migrating_again_changes_nothing(house: Household) -> None:
    house.post(a_frame())

    migrate(house.engine)

    assert house.events.last_seq() == 1


def _migrate(url: str, start: object) -> None:
    start.wait()
    migrate(connect(url))


def test_no_file_key_outlives_an_erasure_that_is_about_to_commit(house: Household) -> None:
    person = house.gallery.add_person("Ada", Standing.KNOWN, NOW)
    saved: list[tuple[str, set[str]]] = []

    def save() -> None:
        key_id, _ = house.keyring.create_file_key()
        saved.append((key_id, house.keyring.without_key([person.id])))

    saving = threading.Thread(target=save)

    def meanwhile(_: sa.Connection) -> None:
        saving.start()
        saving.join(0.3)

    sa.event.listen(house.keyring.database, "commit", meanwhile, once=True)
    house.keyring.destroy([person.id])
    saving.join()

    key_id, erased = saved[0]
    assert erased == {person.id}
    assert house.keyring.file_key(key_id)


def test_four_processes_that_start_at_once_migrate_once(empty: str) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(4)
    processes = [context.Process(target=_migrate, args=(empty, start)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 4
    assert "events" in sa.inspect(connect(empty)).get_table_names()


def test_a_database_of_a_newer_version_is_a_clear_error(house: Household) -> None:
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(DatabaseError, match="newer version"):
        migrate(house.engine)


def test_a_database_that_cannot_be_reached_is_a_clear_error(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/no/folder.db", "postgresql://nobody@127.0.0.1:1/none"):
        with pytest.raises(DatabaseError, match="cannot be opened"):
            migrate(connect(url))


@pytest.mark.parametrize("url", ["", "mysql+nothing://h/d", "doorbell.db"])
def test_an_unknown_kind_of_database_is_a_clear_error(url: str) -> None:
    with pytest.raises(DatabaseError, match="none that is known"):
        connect(url)


# frames and events


def test_the_same_frame_twice_makes_one_event_and_one_set_of_notices(house: Household) -> None:
    first, was_there = house.post(a_frame(), "family", "log")
    again, was_there_again = house.post(a_frame(), "family", "log")

    assert (was_there, was_there_again) == (False, True)
    assert again == first
    assert sorted(row.recipient for row in house.notices()) == ["family", "log"]


def test_the_same_frame_from_eight_threads_at_once_makes_one_event(house: Household) -> None:
    person = house.enrol("Resident")
    answers = at_once(8, lambda _: house.post(a_frame(), "family", people=(person.id,)))

    assert len({event.id for event, _ in answers}) == 1
    assert [was_there for _, was_there in answers].count(False) == 1
    assert len(house.notices()) == 1


def test_a_frame_id_with_other_bytes_is_refused_and_changes_nothing(house: Household) -> None:
    first, _ = house.post(a_frame(), "family")

    with pytest.raises(FrameIdReused):
        house.post(a_frame(image=b"another image"), "family")
    with pytest.raises(FrameIdReused):
        house.events.before(a_frame(image=b"another image"))

    assert house.events.newest_first(EventFilter(), 10) == [first]


def test_an_event_reads_back_as_it_was_written(house: Household) -> None:
    person = house.enrol("Resident")
    captured = datetime(2026, 3, 1, 13, 30, 0, 123456, tzinfo=UTC)

    written, _ = house.post(a_frame(captured_at=captured), people=(person.id,))

    assert house.events.event(written.id) == written
    assert written.names == {person.id: "Resident"}
    assert written.captured_at == captured
    assert house.events.event("no such id") is None


def test_a_person_removed_between_match_and_record_is_a_stranger(house: Household) -> None:
    person = house.enrol("Resident")
    house.gallery.remove_people([person])

    event, _ = house.post(a_frame(), people=(person.id,))

    assert event.verdict is Verdict.UNKNOWN
    assert (event.faces[0].person_id, event.faces[0].standing) == (None, Standing.UNKNOWN)
    assert house.events.newest_first(EventFilter(person_id=person.id), 10) == []


def test_an_event_keeps_its_verdict_but_loses_the_name_of_a_person_removed_later(house: Household) -> None:
    person = house.enrol("Resident")
    event, _ = house.post(a_frame(), people=(person.id,))
    house.gallery.remove_people([person])

    kept = house.events.event(event.id)

    assert kept.verdict is Verdict.KNOWN
    assert kept.names == {}


def test_an_event_shows_the_present_name_of_a_renamed_person(house: Household) -> None:
    person = house.enrol("Resident")
    event, _ = house.post(a_frame(), people=(person.id,))

    house.gallery.change_person("Resident", "Owner", None)

    assert house.events.event(event.id).names == {person.id: "Owner"}


def some_events(house: Household) -> dict[str, str]:
    """Five events, an hour apart; the person's id under `person`."""
    person = house.enrol("Resident")
    for number in range(5):
        camera = "front-door" if number % 2 else "back-door"
        captured = NOW + timedelta(hours=number)
        people = (person.id,) if number in (1, 2) else ()
        house.post(a_frame(f"frame-{number}", captured_at=captured, camera_id=camera), people=people)
    return {"person": person.id}


@pytest.mark.parametrize(
    ("wanted", "frames"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"camera_id": "front-door"}, [3, 1]),
        ({"verdict": Verdict.KNOWN}, [2, 1]),
        ({"verdict": Verdict.NO_FACE, "camera_id": "back-door"}, [4, 0]),
        ({"since": NOW + timedelta(hours=3)}, [4, 3]),
        ({"until": NOW + timedelta(hours=3)}, [2, 1, 0]),
        ({"person_id": "person", "camera_id": "back-door"}, [2]),
        ({"release": "release-1"}, [4, 3, 2, 1, 0]),
        ({"release": "release-2"}, []),
        ({"camera_id": "nowhere"}, []),
    ],
)
def test_events_are_found_by_what_they_are_asked_for(
    house: Household, wanted: dict[str, object], frames: list[int]
) -> None:
    known = some_events(house)
    wanted = {name: known.get(value, value) if isinstance(value, str) else value for name, value in wanted.items()}

    found = house.events.newest_first(EventFilter(**wanted), 10)

    assert [event.frame_id for event in found] == [f"frame-{number}" for number in frames]


def test_releases_are_observed_alike_on_both_databases(house: Household) -> None:
    person = house.enrol("Resident").id
    house.post(a_frame("known"), people=(person,))
    house.post(a_frame("removed-since"), people=("nobody-any-more",))
    house.post(a_frame("empty"))
    Failures(house.engine, lambda write: write()).note(FailedTry(NOW, "recognizer-green", None, None, "TimeoutError"))

    seen = Seen(requests=3, looked_at=3, faces=2, unknown_faces=1, no_face=1, recognize_ms=[], distances=[0.3])
    assert observed(house.engine, 0, 0, 10) == Observations({"release-1": seen}, {"recognizer-green": 1}, 3, 1)
    assert observed(house.engine, 3, 1, 10) == Observations({}, {}, 3, 1)


def test_bins_of_faces_are_alike_on_both_databases(house: Household) -> None:
    person = house.enrol("Resident").id
    frame = dataclasses.replace(a_frame("known"), captured_at=NOW.replace(second=19, microsecond=900_000))
    house.post(frame, people=(person,))
    house.post(dataclasses.replace(frame, frame_id="stranger"), people=("nobody-any-more",))
    house.post(a_frame("empty"))

    at = int(NOW.replace(second=10, microsecond=0).timestamp())
    assert binned(house.engine, 0, 100, 100, 10) == [Bin("release-1", frame.camera_id, at, 2, 1, 0.3)]
    assert binned(house.engine, 0, 100, 1, 10) == []


def test_failed_tries_beyond_the_newest_are_pruned(house: Household) -> None:
    failures = Failures(house.engine, lambda write: write(), kept=2)
    for number in range(4):
        failures.note(FailedTry(NOW, "recognizer-green", None, None, str(number)))

    with house.engine.connect() as connection:
        kept = connection.scalars(sa.select(tables.recognition_failures.c.error))
        assert sorted(kept) == ["2", "3"]


def test_pages_of_events_neither_overlap_nor_leave_any_out(house: Household) -> None:
    some_events(house)
    everything = house.events.newest_first(EventFilter(), 10)

    first = house.events.newest_first(EventFilter(), 2)
    house.post(a_frame("came-between"))
    rest = house.events.newest_first(EventFilter(), 10, first[-1].seq)

    assert first + rest == everything


def test_followers_get_events_in_their_order_and_each_once(house: Household) -> None:
    some_events(house)
    front = EventFilter(camera_id="front-door")

    first = house.events.after(front, 0, 1)
    rest = house.events.after(front, first[-1].seq, 10)

    assert [event.frame_id for event in first + rest] == ["frame-1", "frame-3"]
    assert house.events.after(front, house.events.last_seq(), 10) == []


def test_a_follower_misses_no_event_while_many_are_written_at_once(house: Household) -> None:
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        while not done.is_set() or house.events.last_seq() > (seen or [0])[-1]:
            seen.extend(event.seq for event in house.events.after(EventFilter(), (seen or [0])[-1], 50))

    follower = threading.Thread(target=follow)
    follower.start()
    at_once(6, lambda thread: [house.post(a_frame(f"frame-{thread}-{number}")) for number in range(8)])
    done.set()
    follower.join(30)

    assert len(seen) == 48
    assert seen == sorted(set(seen))


# gallery


def test_nobody_has_the_same_name_twice(house: Household) -> None:
    house.enrol("Resident")
    house.enrol("Courier")

    with pytest.raises(NameTaken):
        house.gallery.add_person("Resident", Standing.KNOWN, NOW)
    with pytest.raises(NameTaken):
        house.gallery.change_person("Courier", "Resident", None)
    assert [person.name for person in house.gallery.people()] == ["Courier", "Resident"]


def test_a_person_is_renamed_and_blacklisted_in_one_step(house: Household) -> None:
    person = house.enrol("Courier")

    changed = house.gallery.change_person("Courier", "Barred visitor", Standing.BLACKLISTED)

    assert changed == dataclasses.replace(person, name="Barred visitor", standing=Standing.BLACKLISTED)
    assert house.gallery.change_person("Barred visitor", None, None) == changed
    with pytest.raises(NobodyOfThatName):
        house.gallery.person("Courier")


def test_the_same_photograph_is_enrolled_for_a_person_once(house: Household) -> None:
    person = house.enrol("Resident", photo="1")

    with pytest.raises(PhotoAlreadyEnrolled):
        house.gallery.add_face(person, a_face(photo="1"), NOW)

    assert len(house.gallery.faces()) == 1
    assert len(list((house.folder / "crops" / person.id).iterdir())) == 1


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_face_for_a_person_who_was_removed_meanwhile_is_not_kept(house: Household, comes_back: bool) -> None:
    person = house.enrol("Resident")
    house.gallery.remove_people([person])
    house.keyring.create(person.id)
    if comes_back:
        house.enrol("Resident", photo="2")

    with pytest.raises(NobodyOfThatName):
        house.gallery.add_face(person, a_face(photo="3"), NOW)

    assert not any((house.folder / "crops" / person.id).iterdir())


def test_a_standing_comes_with_its_face_or_not_at_all(house: Household) -> None:
    person = house.enrol("Visitor")
    with pytest.raises(PhotoAlreadyEnrolled):
        house.gallery.add_face(person, a_face(), NOW, Standing.BLACKLISTED)
    assert house.gallery.person("Visitor").standing == Standing.KNOWN

    house.gallery.add_face(person, a_face(photo="2"), NOW, Standing.BLACKLISTED)

    assert house.gallery.person("Visitor").standing == Standing.BLACKLISTED


def test_a_face_is_read_back_and_forgotten(house: Household) -> None:
    person = house.enrol("Resident")
    (face,) = house.gallery.faces("Resident")
    assert house.gallery.face(face.id) == face
    assert house.gallery.crop(face) == b"crop of 1"

    house.gallery.remove_faces([face])

    assert house.gallery.person("Resident") == person
    with pytest.raises(NoSuchFace):
        house.gallery.face(face.id)
    with pytest.raises(CropsUnavailable):
        house.gallery.crop(face)


def test_a_crop_that_stayed_when_its_face_was_removed_goes_later(
    house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = house.gallery.by(actor("key 1", NOW))
    house.enrol("Resident", photo="1")
    house.enrol("Resident", 1.0, photo="2")
    stays, goes = house.gallery.faces("Resident")

    def away(*_: object) -> None:
        raise CropsUnavailable("the storage is away")

    with monkeypatch.context() as patch:
        patch.setattr(house.crops, "remove", away)
        with pytest.raises(CropsUnavailable):
            ours.remove_faces([goes])
    assert house.gallery.crop(goes)
    remove_owed(house.gallery, NOW + timedelta(hours=1))

    with pytest.raises(CropsUnavailable):
        house.gallery.crop(goes)
    assert house.gallery.crop(stays)


def test_what_is_kept_of_a_face_is_sealed(house: Household) -> None:
    person = house.enrol("Resident", place=0.25)
    (crop,) = (house.folder / "crops" / person.id).iterdir()

    with house.engine.connect() as connection:
        sealed = connection.scalar(sa.select(tables.embeddings.c.sealed))

    assert np.full(4, 0.25, np.float32).tobytes() not in sealed
    assert b"crop" not in crop.read_bytes()


def test_an_erased_persons_old_copies_are_unreadable_and_the_crops_are_gone(house: Household) -> None:
    person = house.enrol("Resident")
    (face,) = house.gallery.faces()
    with house.engine.connect() as connection:
        old_copy = connection.scalar(sa.select(tables.embeddings.c.sealed))

    house.gallery.remove_people([person])

    with pytest.raises(KeyringError, match="erased"):
        house.keyring.open(person.id, f"embedding {face.id} {SPACE}", old_copy)
    assert not (house.folder / "crops" / person.id).exists()
    with house.engine.connect() as connection:
        assert connection.execute(sa.select(tables.embeddings)).all() == []


def test_an_unreadable_embedding_costs_only_its_own_person(house: Household) -> None:
    gone, _ = house.enrol("Resident"), house.enrol("Courier")
    house.keyring.destroy([gone.id])

    with house.gallery.everybody(SPACE) as (_, count, parts):
        members = [member for part in parts for member in part]

    assert count == 2
    assert len(members) == 1


def test_eight_keyrings_opened_at_once_on_a_new_database_agree(empty: str) -> None:
    at_once(8, lambda number: Keyring(connect(empty), bytes(32)).create(f"person-{number}"))

    assert Keyring(connect(empty), bytes(32)).seal("person-7", "crop", b"")


# gallery index


def standings(index: GalleryIndex, gallery: Gallery) -> dict[str, tuple[Standing, int]]:
    """Name → standing and embeddings, as of the gallery's present version."""
    rows = index.at_least(gallery.version()).rows
    names = {person.id: person.name for person in gallery.people()}
    counts = Counter(number for number in rows.owners[: rows.count].tolist() if number != NOBODY)
    return {
        names.get(rows.people.id_of(number), "removed"): (rows.people.standing_of(number), count)
        for number, count in counts.items()
    }


def test_an_index_sees_who_was_added_changed_and_removed(house: Household) -> None:
    index = GalleryIndex(house.gallery, SPACE)
    assert standings(index, house.gallery) == {}

    resident = house.enrol("Resident")
    house.enrol("Courier", 1.0, "1")
    house.enrol("Courier", 1.1, "2")
    assert standings(index, house.gallery) == {"Resident": (Standing.KNOWN, 1), "Courier": (Standing.KNOWN, 2)}

    house.gallery.change_person("Courier", None, Standing.BLACKLISTED)
    house.gallery.remove_people([resident])
    assert standings(index, house.gallery) == {"Courier": (Standing.BLACKLISTED, 2)}

    house.gallery.remove_faces(house.gallery.faces("Courier"))
    assert standings(index, house.gallery) == {}


def test_an_index_that_follows_is_the_same_as_one_made_new(house: Household) -> None:
    index = GalleryIndex(house.gallery, SPACE)
    for number in range(4):
        house.enrol(f"Person {number}", number, "1")
    house.gallery.remove_people([house.gallery.person("Person 2")])

    followed, new = (each.at_least(house.gallery.version()) for each in (index, GalleryIndex(house.gallery, SPACE)))

    for place in (0.0, 1.0, 2.0, 3.0):
        face = np.full(128, place, np.float32)
        assert followed.nearest(face, 9) == new.nearest(face, 9)


def test_another_embedding_space_is_another_gallery(house: Household) -> None:
    house.enrol("Resident")

    assert standings(GalleryIndex(house.gallery, "space-2"), house.gallery) == {}


def test_an_index_misses_no_one_while_many_are_enrolled_at_once(house: Household) -> None:
    index = GalleryIndex(house.gallery, SPACE)
    done = threading.Event()

    def follow() -> None:
        while not done.is_set():
            index.follow()

    follower = threading.Thread(target=follow)
    follower.start()
    at_once(4, lambda thread: [house.enrol(f"Person {thread}.{number}") for number in range(5)])
    done.set()
    follower.join(30)

    assert len(standings(index, house.gallery)) == 20


# keys


def test_keys_are_made_checked_and_revoked(house: Household) -> None:
    keys, check = KeyStore(house.engine), KeyCheck(KeyStore(house.engine), seconds=0.0)
    text = keys.create("front door", frozenset({Scope.FRAMES, Scope.EVENTS}), NOW, NOW + timedelta(days=1))

    key = check(text, NOW)
    assert key.scopes == {Scope.FRAMES, Scope.EVENTS}
    keys.revoke(key.id, NOW)

    assert check(text, NOW) is None


# outbox


def owed(house: Household, count: int, *recipients: str) -> None:
    for number in range(count):
        house.post(a_frame(f"frame-{number}"), *(recipients or ("family",)))


def test_two_couriers_never_take_the_same_notice(house: Household) -> None:
    owed(house, 30)

    def take(number: int) -> list[str]:
        taken = []
        while found := house.outbox.take(f"courier-{number}", NOW, 3):
            taken += [notice.id for notice in found]
        return taken

    taken = [notice for found in at_once(4, take) for notice in found]

    assert len(taken) == len(set(taken)) == 30


def test_a_taken_notice_carries_its_event(house: Household) -> None:
    person = house.enrol("Resident")
    event, _ = house.post(a_frame(), "family", people=(person.id,))

    (notice,) = house.outbox.take("courier", NOW, 8)

    assert (notice.event, notice.recipient, notice.attempts) == (event, "family", 1)
    assert house.outbox.take("courier", NOW, 8) == []


def test_a_refused_notice_is_due_later_and_later_and_fails_in_the_end(house: Household) -> None:
    owed(house, 1)
    now = NOW
    for attempt in range(1, MOST_ATTEMPTS + 1):
        (notice,) = house.outbox.take("courier", now, 8)
        assert notice.attempts == attempt
        house.outbox.refused(notice, "the channel did not take it", now)
        later = outbox_module.delay_after(attempt, 1.0)
        assert house.outbox.take("courier", now + later - timedelta(seconds=0.1), 8) == []
        now += later

    assert house.outbox.count() == {"failed": 1}
    assert house.notices()[0].last_error == "the channel did not take it"


def test_the_word_of_a_courier_whose_lease_ended_is_too_late(house: Household) -> None:
    owed(house, 1)
    (slow,) = house.outbox.take("slow", NOW, 8)
    house.outbox.refused(slow, "presumed dead", NOW + LEASE)
    (again,) = house.outbox.take("other", NOW + 2 * LEASE, 8)

    house.outbox.refused(slow, "too late", NOW + 2 * LEASE)

    assert house.outbox.count() == {"sending": 1}
    house.outbox.delivered([again], NOW + 2 * LEASE)
    assert house.outbox.count() == {"delivered": 1}


def test_a_notice_is_not_given_up_before_its_lease_ends(house: Household) -> None:
    owed(house, 1)
    (notice,) = house.outbox.take("courier", NOW, 8)

    assert house.outbox.expired(NOW + LEASE - timedelta(seconds=1)) == []
    assert house.outbox.expired(NOW + LEASE) == [notice]


# courier


class Receiver(ThreadingHTTPServer):
    """A webhook that remembers what it got; `status` is what it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.status = 200
        self.got: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_port}"

    def keys(self, path: str) -> list[str]:
        return [key for where, key in self.got if where == path]


class _Hook(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["Idempotency-Key"]))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Clock:
    """A time that passes only when told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def a_courier(
    house: Household,
    clock: Clock,
    resend: frozenset[str] = frozenset(),
    meter: Meter = SILENT,
    told: Callable[[Told], None] = lambda _: None,
    **urls: str,
) -> Courier:
    rules = Rules((), urls, resend)
    log = LogChannel(house.folder / "notices.log")
    return Courier(house.outbox, lambda: rules, log, clock, meter=meter, told=told)


def logged(house: Household) -> list[str]:
    return [json.loads(line)["notice"] for line in (house.folder / "notices.log").read_text().splitlines()]


def test_a_courier_brings_each_notice_to_its_recipient_under_its_own_id(house: Household, receiver: Receiver) -> None:
    owed(house, 12, "family", "porter", "log")
    courier = a_courier(house, Clock(), family=f"{receiver.url}/family", porter=f"{receiver.url}/porter")

    while courier.round():
        pass

    ids = {name: sorted(row.id for row in house.notices() if row.recipient == name) for name in ("family", "porter")}
    assert house.outbox.count() == {"delivered": 36}
    assert {name: sorted(receiver.keys(f"/{name}")) for name in ids} == ids
    assert len(set(logged(house))) == 12


def test_a_recipient_that_is_away_gets_its_notice_when_it_is_back(house: Household, receiver: Receiver) -> None:
    owed(house, 1)
    clock = Clock()
    courier = a_courier(house, clock, family=receiver.url)
    receiver.status = 503
    courier.round()
    assert house.outbox.count() == {"pending": 1}
    receiver.status = 200

    assert courier.round() == 0
    clock.now += timedelta(seconds=2)
    assert courier.round() == 1
    assert house.outbox.count() == {"delivered": 1}


def test_each_try_of_a_notice_is_told_with_the_trace_of_its_frame(house: Household, receiver: Receiver) -> None:
    owed(house, 1, "family", "log")
    clock, tries = Clock(), []
    courier = a_courier(house, clock, told=tries.append, family=receiver.url)
    receiver.status = 503
    courier.round()
    receiver.status = 200
    clock.now += timedelta(seconds=2)
    courier.round()

    assert {(each.channel, each.status, each.attempts) for each in tries} == {
        ("log", "delivered", 1),
        ("json", "retried", 1),
        ("json", "delivered", 2),
    }
    assert {each.frame_id for each in tries} == {"frame-0"}
    assert all(each.began <= each.ended for each in tries)


def test_what_became_of_notices_is_counted_by_channel_and_how_long_each_took(
    house: Household, receiver: Receiver
) -> None:
    owed(house, 2, "family", "log", "stranger")
    clock, noted = Clock(), Noted()
    clock.now += timedelta(seconds=3)

    a_courier(house, clock, meter=noted, family=receiver.url).round()

    (verdict,) = {key[2] for key in noted.counted}
    assert {key: times for key, times in noted.counted.items() if times} == {
        ("notifications_sent_total", "json", verdict, "delivered"): 2,
        ("notifications_sent_total", "log", verdict, "delivered"): 2,
        ("notifications_sent_total", "", verdict, "retried"): 2,
    }
    assert ("notifications_sent_total", "json", verdict, "gave_up") in noted.counted  # the first one has to be a step
    assert [labels for _, labels in noted.observed].count(("press_to_notification_seconds", "json")) == 2
    assert all(value >= 3 for value, _ in noted.observed)


def test_a_recipient_that_left_the_file_is_tried_again_later(house: Household) -> None:
    owed(house, 1, "stranger")

    a_courier(house, Clock()).round()

    assert house.outbox.count() == {"pending": 1}
    assert "stranger is no recipient" in house.notices()[0].last_error


def test_messages_that_leave_at_once_keep_their_own_ids(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    both_are_made = threading.Barrier(2, timeout=10)
    notify = NotifyJSON.notify

    def notify_together(self: NotifyJSON, **message: str) -> bool:
        both_are_made.wait()
        return notify(self, **message)

    monkeypatch.setattr(NotifyJSON, "notify", notify_together)
    channel = AppriseChannel(receiver.url)

    at_once(2, lambda thread: channel.send(f"notice-{thread}", "title", "text"))

    assert sorted(receiver.keys("/")) == ["notice-0", "notice-1"]


def left_by_a_dead_courier(house: Household, *recipients: str) -> tuple[Clock, Notice]:
    owed(house, 1, *recipients)
    (notice,) = house.outbox.take("dead", NOW, 8)
    return Clock(NOW + LEASE), notice


def test_a_notice_of_unknown_fate_is_held_and_never_sent_again(house: Household, receiver: Receiver) -> None:
    clock, _ = left_by_a_dead_courier(house, "family")
    courier = a_courier(house, clock, family=receiver.url)

    for _ in range(3):
        courier.round()
        clock.now += timedelta(days=1)

    assert house.outbox.count() == {"uncertain": 1}
    assert receiver.got == []


def test_a_notice_of_unknown_fate_goes_again_to_who_drops_repetitions(house: Household, receiver: Receiver) -> None:
    clock, notice = left_by_a_dead_courier(house, "porter")
    courier = a_courier(house, clock, frozenset({"porter"}), porter=f"{receiver.url}/porter")

    courier.round()
    clock.now += timedelta(seconds=2)
    courier.round()

    assert house.outbox.count() == {"delivered": 1}
    assert receiver.keys("/porter") == [notice.id]


@pytest.mark.parametrize("was_written", [True, False])
def test_the_log_is_asked_whether_it_has_a_notice_of_unknown_fate(house: Household, was_written: bool) -> None:
    clock, notice = left_by_a_dead_courier(house, "log")
    if was_written:
        LogChannel(house.folder / "notices.log").send_all([(notice.id, "title", "text")])
    courier = a_courier(house, clock)

    courier.round()
    clock.now += timedelta(seconds=2)
    courier.round()

    assert house.outbox.count() == {"delivered": 1}
    assert logged(house) == [notice.id]


@pytest.mark.parametrize("url", ["nothing://secret-token", "secret-token", "json://"])
def test_a_channel_that_apprise_does_not_know_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(NotDelivered) as caught:
        AppriseChannel(url)

    assert "secret-token" not in str(caught.value)


# A courier of its own process, as the cluster runs one: rounds until it is killed.
COURIER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from serve_apps.database import connect
from serve_apps.notifications.channels import LogChannel
from serve_apps.notifications.courier import Courier
from serve_apps.notifications.outbox import Outbox
from serve_apps.notifications.rules import Rules

url, folder, hook = sys.argv[1:]
rules = Rules((), {"family": hook + "/family", "porter": hook + "/porter"}, frozenset({"porter"}))
log = LogChannel(Path(folder) / "notices.log")
courier = Courier(Outbox(connect(url)), lambda: rules, log, lambda: datetime.now(UTC))
print("ready", flush=True)
while True:
    courier.round()
"""


def killed_couriers(house: Household, receiver: Receiver, times: int, dice: random.Random) -> None:
    """Start a courier, kill it in the middle of its work, `times` over."""
    arguments = [sys.executable, "-c", COURIER, house.url, str(house.folder), receiver.url]
    for _ in range(times):
        before = len(receiver.got)
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as courier:
            courier.stdout.readline()
            until = time.monotonic() + 10
            while len(receiver.got) < before + dice.randint(1, 12) and time.monotonic() < until:
                time.sleep(0.001)
            time.sleep(dice.random() * 0.02)
            courier.send_signal(signal.SIGKILL)


def test_a_courier_killed_at_any_point_loses_no_notice_and_repeats_none(house: Household, receiver: Receiver) -> None:
    owed(house, 60, "family", "porter", "log")

    killed_couriers(house, receiver, 4, random.Random(7))

    clock = Clock(datetime.now(UTC) + 2 * LEASE)
    courier = a_courier(
        house, clock, frozenset({"porter"}), family=f"{receiver.url}/family", porter=f"{receiver.url}/porter"
    )
    while "pending" in house.outbox.count() or "sending" in house.outbox.count():
        courier.round()
        clock.now += timedelta(seconds=5)
    fates = Counter((row.recipient, row.state) for row in house.notices())
    family = receiver.keys("/family")
    delivered = {row.id for row in house.notices() if (row.recipient, row.state) == ("family", "delivered")}
    assert fates["family", "delivered"] + fates["family", "uncertain"] == 60
    assert fates["porter", "delivered"] == fates["log", "delivered"] == 60
    assert len(family) == len(set(family))
    assert delivered <= set(family)
    assert len(set(receiver.keys("/porter"))) == 60
    assert len(logged(house)) == len(set(logged(house))) == 60


def test_numbers_are_given_in_the_order_of_commits(house: Household) -> None:
    started, both = threading.Event(), []

    def second() -> None:
        started.wait()
        both.append(house.post(a_frame("second"))[0].seq)

    thread = threading.Thread(target=second)
    thread.start()
    with house.engine.begin() as connection:
        in_commit_order(connection, "events")
        started.set()
        thread.join(0.3)
        assert both == []
        first = store.insert(connection, a_frame("first"), recognition())
    thread.join(30)

    assert both == [first.seq + 1]
