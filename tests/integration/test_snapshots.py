from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

import backup.snapshot as taking
from backup.manifest import Manifest
from backup.packing import check_range, unpack_rows
from backup.snapshot import snapshot
from tests.integration.backed_up import NOW, House, Vault, begun, house, vault
from tests.integration.conftest import new_database


@pytest.fixture
def home(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house with people on both engines."""
    keyring = None
    if not database.startswith("sqlite"):
        keyring = new_database(request.getfixturevalue("postgres"), "template1")
    with house(tmp_path / "data", database if keyring else None, keyring) as made:
        yield begun(made)


def test_a_snapshot_counts_what_is_there(home: House, kept: Vault, tmp_path: Path) -> None:
    home.live_in(tmp_path)

    manifest = kept.snapshot(home).manifest

    counted = {each.name: each.count for each in manifest.collections}
    rows = home.rows()
    assert {name: counted[name] for name in rows} == {name: len(rows[name]) for name in rows}
    assert (counted["crops"], counted["recent-frames"], counted["releases"], counted["files"]) == (3, 1, 1, 2)
    for collection in manifest.collections:
        for each in kept.repository.ranges(collection):
            check_range(collection.kind, each, kept.repository.get_many(each.chunks))


def test_behind_everybody_it_holds_nothing_that_others_wait_for(
    home: House, kept: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.live_in(tmp_path)
    works = itertools.count()

    def behind(work: Callable[[], Any]) -> Any:
        with ThreadPoolExecutor(1) as others:
            others.submit(home.enrol, f"Visitor {next(works)}").result(timeout=30)
        with refusing_writers(home), monkeypatch.context() as patch, ThreadPoolExecutor(1) as last:
            patch.setattr(taking, "in_turn", None)
            patch.setattr(taking, "copy_keys", None)
            return last.submit(work).result()

    taken = snapshot(home.state, kept.repository, kept.apart, lambda: NOW, behind=behind)

    assert next(works) == 2
    assert taken.manifest.collection("people").count == 3


@contextmanager
def refusing_writers(home: House) -> Iterator[None]:
    def refuse(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        assert options.get("reading") or options.get("postgresql_readonly"), "a writer, behind everybody"

    for engine in (home.database, home.keyring_database):
        sa.event.listen(engine, "begin", refuse)
    try:
        yield
    finally:
        for engine in (home.database, home.keyring_database):
            sa.event.remove(engine, "begin", refuse)


def test_nothing_is_uploaded_twice(home: House, kept: Vault, tmp_path: Path) -> None:
    home.live_in(tmp_path)
    first, again, whole = (kept.snapshot(home), kept.snapshot(home), kept.snapshot(home, whole=True))

    assert (again.bytes_uploaded, whole.bytes_uploaded) == (0, 0)
    assert (again.manifest.base, whole.manifest.base) == (first.manifest.id, None)
    assert first.manifest.collections == again.manifest.collections == whole.manifest.collections


def test_a_snapshot_of_what_changed_is_as_one_of_everything(home: House, kept: Vault, tmp_path: Path) -> None:
    ada, *_ = home.live_in(tmp_path)
    kept.snapshot(home)
    home.post("another", ada.id)
    home.enrol("Di", 7.0, "7")
    home.gallery.remove_people([home.gallery.person("Bob")])
    (home.folder / "serve-state.json").write_bytes(b'{"epoch": 2}')

    some, everything = kept.snapshot(home), kept.snapshot(home, whole=True)

    assert some.manifest.base is not None
    assert some.manifest.collections == everything.manifest.collections
    assert everything.bytes_uploaded == 0


def test_a_snapshot_while_others_write_shows_one_moment(home: House, kept: Vault) -> None:
    """An event and its notice are written at once, so no snapshot may have one without the other."""
    home.enrol("Ada")
    stop = threading.Event()
    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(live_on, home, number, stop) for number in range(3)]
        try:
            taken = [kept.snapshot(home).manifest for _ in range(8)]
        finally:
            stop.set()
        for each in running:
            each.result()

    for manifest in taken:
        events, notices = rows_of(kept, manifest, "events"), rows_of(kept, manifest, "notices")
        assert [event["seq"] for event in events] == sorted(notice["event_seq"] for notice in notices)
        people = {person["id"] for person in rows_of(kept, manifest, "people")}
        assert {face["person_id"] for face in rows_of(kept, manifest, "gallery_faces")} <= people
    assert taken[0].rows < taken[-1].rows
    last = kept.snapshot(home).manifest
    assert last.collections == kept.snapshot(home, whole=True).manifest.collections


def live_on(home: House, number: int, stop: threading.Event) -> None:
    for count in itertools.count():
        if stop.is_set():
            return
        home.post(f"{number}-{count}", home.gallery.person("Ada").id)
        if count % 10 == number:
            home.enrol(f"{number} {count}", count, "2")
        if number == 0 and count % 10 == 5:
            home.gallery.remove_people([home.gallery.person(f"{number} {count - 5}")])


def rows_of(kept: Vault, manifest: Manifest, table: str) -> list[dict[str, object]]:
    collection = manifest.collection(table)
    assert collection is not None
    chunks = [chunk for each in kept.repository.ranges(collection) for chunk in each.chunks]
    rows = [row for chunk in kept.repository.get_many(chunks) for row in unpack_rows(chunk)]
    return [dict(zip(collection.columns, row, strict=True)) for row in rows]


ACTS = st.lists(st.tuples(st.sampled_from(["post", "enrol", "erase", "face", "prune"]), st.integers(0, 3)), max_size=12)


@settings(max_examples=15)
@given(st.lists(ACTS, min_size=1, max_size=3))
def test_whatever_happens_what_changed_is_all_that_changed(rounds: list[list[tuple[str, int]]]) -> None:
    with TemporaryDirectory() as folder, house(Path(folder) / "data") as home:
        begun(home)
        kept = vault(Path(folder) / "vault")
        frames = itertools.count()
        for acts in rounds:
            for act, number in acts:
                do(home, act, f"Person {number}", next(frames))
            some = kept.snapshot(home).manifest.collections
            assert some == kept.snapshot(home, whole=True).manifest.collections


def do(home: House, act: str, name: str, frame: int) -> None:
    there = [person for person in home.gallery.people() if person.name == name]
    if act == "post":
        home.post(f"frame-{frame}", *(person.id for person in there))
    elif act == "prune":
        with home.database.begin() as connection:
            connection.exec_driver_sql("DELETE FROM events WHERE seq % 3 = 0")
    elif act == "enrol" and not there:
        home.enrol(name, frame, str(frame % 10))
    elif act == "face" and there:
        home.gallery.remove_faces(home.gallery.faces(name)[:1])
    elif act == "erase":
        home.gallery.remove_people(there)
