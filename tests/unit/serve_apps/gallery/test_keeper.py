"""The index of a large gallery through its life: built, followed, saved, loaded, erased."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from cluster.security.keyring import Keyring
from serve_apps.database import connect
from serve_apps.faces import Standing
from serve_apps.gallery.archive import Archive
from serve_apps.gallery.crops import FolderCrops
from serve_apps.gallery.index import GalleryIndex
from serve_apps.gallery.keeper import OUTGROWN, SAVE_AFTER_CHANGES, SAVE_SECONDS, Keeper
from serve_apps.gallery.lists import Lists
from serve_apps.gallery.person import NewFace, Person
from serve_apps.gallery.saved import SavedIndex, SavedIndexError
from serve_apps.gallery.store import Gallery
from tests.conftest import eventually

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPACE = "space-1"
LARGE = 8


def face_of(number: int) -> np.ndarray:
    return (np.random.default_rng(number).standard_normal(128) * 0.055 + 0.1).astype(np.float32)


@dataclass
class House:
    folder: Path
    gallery: Gallery

    @property
    def archive(self) -> Archive:
        return Archive(self.folder / "index", self.gallery, SPACE)

    def enrol(self, number: int) -> Person:
        person = self.gallery.add_person(f"Person {number}", Standing.KNOWN, NOW)
        self.gallery.add_face(person, NewFace(f"{number:064}", 0.9, face_of(number), SPACE, b"crop"), NOW)
        return person

    def started(self) -> tuple[GalleryIndex, Keeper]:
        index = GalleryIndex(self.gallery, SPACE, self.archive)
        return index, Keeper(index, self.archive, approximate_from=LARGE)

    def check(self) -> None:
        with SavedIndex(self.archive.path, self.gallery.keyring.file_key) as saved:
            saved.check()

    def nearest(self, index: GalleryIndex, number: int) -> str:
        found = index.at_least(self.gallery.version()).nearest(face_of(number), 1)[0]
        names = {person.id: person.name for person in self.gallery.people()}
        return names[found.person_id] if found.distance == 0 else "nobody"


@pytest.fixture
def house(migrated: Path, tmp_path: Path) -> Iterator[House]:
    shutil.copy(migrated, tmp_path / "doorbell.db")
    engine, keys = connect(f"sqlite:///{tmp_path}/doorbell.db"), connect(f"sqlite:///{tmp_path}/keyring.db")
    yield House(tmp_path, Gallery(engine, Keyring(keys, bytes(32)), FolderCrops(tmp_path / "crops")))
    engine.dispose()
    keys.dispose()


@pytest.fixture
def large(house: House) -> House:
    """A gallery whose index has been saved."""
    for number in range(LARGE):
        house.enrol(number)
    _, keeper = house.started()
    keeper.tend(0)
    assert house.archive.path.exists()
    return house


def test_a_small_gallery_has_neither_lists_nor_file(house: House) -> None:
    house.enrol(1)
    index, keeper = house.started()

    keeper.tend(0)

    assert index.search.lists is None
    assert not house.archive.path.exists()
    assert house.nearest(index, 1) == "Person 1"


def test_a_gallery_that_grows_gets_lists_and_answers_before_and_after(house: House) -> None:
    index, keeper = house.started()
    for number in range(LARGE):
        house.enrol(number)
        assert house.nearest(index, number) == f"Person {number}"

    keeper.tend(0)

    assert index.search.lists is not None
    assert all(house.nearest(index, number) == f"Person {number}" for number in range(LARGE))
    assert house.nearest(index, 99) == "nobody"


def test_a_gallery_that_shrinks_loses_its_lists(large: House) -> None:
    index, keeper = large.started()
    assert index.search.lists is not None
    large.gallery.remove_people(large.gallery.people()[: LARGE // 2 + 1])
    index.at_least(large.gallery.version())

    keeper.tend(0)

    assert index.search.lists is None


def test_a_restart_uses_the_saved_index_and_misses_nothing_that_came_after_it(large: House) -> None:
    large.enrol(50)
    large.gallery.change_person("Person 3", None, Standing.BLACKLISTED)
    large.gallery.remove_faces(large.gallery.faces("Person 4"))

    index, keeper = large.started()

    assert index.from_saved
    for _ in range(2):  # first from beside the lists, then from in it
        assert large.nearest(index, 50) == "Person 50"
        assert index.search.nearest(face_of(3), 1)[0].standing is Standing.BLACKLISTED
        assert large.nearest(index, 4) == "nobody"
        keeper.tend(0)
        assert index.search.stale == {}


def test_nobody_is_missed_who_changed_while_the_index_was_saved(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [house.enrol(number) for number in range(LARGE)]
    index, keeper = house.started()
    content = Lists.content

    def meanwhile(lists: Lists) -> tuple[np.ndarray, np.ndarray]:
        house.gallery.remove_faces(house.gallery.faces("Person 1"))
        index.at_least(house.gallery.version())
        house.enrol(60)  # into the row that became free
        house.gallery.add_face(people[2], NewFace("f" * 64, 0.9, face_of(61), SPACE, b"crop"), NOW)
        index.at_least(house.gallery.version())
        return content(lists)

    monkeypatch.setattr(Lists, "content", meanwhile)
    keeper.tend(0)

    for each in (index, house.started()[0]):
        assert [house.nearest(each, number) for number in (1, 60, 61)] == ["nobody", "Person 60", "Person 2"]
        assert house.nearest(each, 2) == "Person 2"


def test_erasing_a_person_makes_the_saved_index_unreadable_at_once(large: House) -> None:
    copy = large.archive.path.read_bytes()

    large.gallery.remove_people([large.gallery.person("Person 1")])

    with pytest.raises(SavedIndexError, match="erased"):
        large.check()
    index, _ = large.started()
    assert not index.from_saved
    assert large.nearest(index, 1) == "nobody"
    large.archive.path.write_bytes(copy)
    with pytest.raises(SavedIndexError, match="erased"):
        large.check()


def test_after_an_erasure_the_index_is_saved_anew_without_the_person(large: House) -> None:
    index, keeper = large.started()
    gone = large.gallery.person("Person 1")
    large.gallery.remove_people([gone])
    index.at_least(large.gallery.version())

    keeper.tend(0)

    large.check()
    again, _ = large.started()
    assert again.from_saved
    assert gone.id not in [near.person_id for near in again.search.nearest(face_of(1), 100)]
    assert large.nearest(again, 1) == "nobody"


def test_a_saved_index_has_neither_changes_that_wait_nor_what_changes_have_left(
    large: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve_apps.gallery.keeper.MERGED_AT_ONCE", 1)
    index, keeper = large.started()
    older = large.archive.path.read_bytes()
    for number in range(3):
        large.gallery.remove_people([large.gallery.person(f"Person {number}")])
        large.enrol(60 + number)
    index.at_least(large.gallery.version())

    keeper.tend(0)

    again, _ = large.started()
    assert again.from_saved
    assert again.search.lists is not None
    assert (len(again.search.lists), again.search.lists.dead) == (LARGE, 0)
    large.archive.path.write_bytes(older)
    with pytest.raises(SavedIndexError, match="its key is gone"):
        large.check()


def test_the_key_of_an_index_that_was_written_over_is_gone(large: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve_apps.gallery.keeper.SAVE_AFTER_CHANGES", 0)
    older = large.archive.path.read_bytes()
    _, keeper = large.started()

    keeper.tend(0)

    large.check()
    large.archive.path.write_bytes(older)
    with pytest.raises(SavedIndexError, match="its key is gone"):
        large.check()


def test_a_row_that_changes_while_it_is_taken_into_the_lists_goes_on_waiting(
    large: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, _ = large.started()
    gone = large.enrol(60)
    index.at_least(large.gallery.version())
    put = Lists.put

    def remove_meanwhile(lists: Lists, row: int, embedding: np.ndarray | None) -> None:
        put(lists, row, embedding)
        monkeypatch.setattr(Lists, "put", put)
        large.gallery.remove_people([gone])
        large.enrol(61)
        index.at_least(large.gallery.version())

    monkeypatch.setattr(Lists, "put", remove_meanwhile)
    index.merge(100)

    assert large.nearest(index, 61) == "Person 61"
    index.merge(100)
    assert large.nearest(index, 61) == "Person 61"
    assert index.search.lists is not None
    assert index.search.lists.dead == 1


def test_lists_that_the_gallery_has_outgrown_are_made_anew(large: House) -> None:
    index, keeper = large.started()
    for number in range(LARGE, OUTGROWN * LARGE + 1):
        large.enrol(number)
    index.at_least(large.gallery.version())

    keeper.tend(0)

    assert index.search.lists is not None
    assert index.search.lists.made_for == OUTGROWN * LARGE + 1
    assert large.nearest(index, 3) == "Person 3"


def test_what_changes_leave_in_the_lists_is_scrubbed_without_a_save(large: House) -> None:
    index, keeper = large.started()
    for number in range(2):
        large.gallery.remove_faces(large.gallery.faces(f"Person {number}"))
    index.at_least(large.gallery.version())
    made = large.archive.path.read_bytes()

    keeper.tend(0)

    assert large.archive.path.read_bytes() == made
    assert index.search.lists is not None
    assert index.search.lists.dead == 0
    assert large.nearest(index, 3) == "Person 3"


def before_the_key(house: House, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    create = Keyring.create_file_key

    def first_erase(keyring: Keyring) -> tuple[str, bytes]:
        keyring.destroy([person.id])  # an erasure of which the gallery does not know yet
        return create(keyring)

    monkeypatch.setattr(Keyring, "create_file_key", first_erase)


def after_the_key(house: House, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    create = Keyring.create_file_key

    def then_erase(keyring: Keyring) -> tuple[str, bytes]:
        made = create(keyring)
        keyring.destroy([person.id])
        return made

    monkeypatch.setattr(Keyring, "create_file_key", then_erase)


def while_writing(house: House, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    content = Lists.content

    def erase_meanwhile(lists: Lists) -> tuple[np.ndarray, np.ndarray]:
        house.gallery.remove_people([person])
        return content(lists)

    monkeypatch.setattr(Lists, "content", erase_meanwhile)


@pytest.mark.parametrize("erased", [before_the_key, after_the_key, while_writing])
def test_a_person_erased_during_a_save_is_in_no_file_that_can_be_read(
    house: House, monkeypatch: pytest.MonkeyPatch, erased: Callable[[House, Person, pytest.MonkeyPatch], None]
) -> None:
    people = [house.enrol(number) for number in range(LARGE)]
    _, keeper = house.started()
    erased(house, people[1], monkeypatch)

    keeper.tend(0)

    if house.archive.path.exists():
        with pytest.raises(SavedIndexError, match="erased"):
            house.check()


@pytest.mark.parametrize("spoil", [lambda c: c[:-1], lambda c: c[:-900] + bytes([c[-900] ^ 4]) + c[-899:]])
def test_a_damaged_index_is_said_and_read_from_the_database_and_made_anew(
    large: House, spoil: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    large.archive.path.write_bytes(spoil(large.archive.path.read_bytes()))

    with caplog.at_level(logging.WARNING):
        index, keeper = large.started()

    assert not index.from_saved
    assert [record.getMessage().count("is damaged") for record in caplog.records] == [1]
    assert large.nearest(index, 5) == "Person 5"
    keeper.tend(0)
    large.check()


def test_a_flipped_bit_anywhere_in_the_clear_text_keeps_no_recognizer_from_starting(large: House) -> None:
    whole = large.archive.path.read_bytes()
    for place in range(whole.index(b"}}") + 2):
        large.archive.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])

        assert large.archive.load() is None, place


def test_the_index_of_another_past_is_not_used(large: House, tmp_path: Path) -> None:
    with large.gallery.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM gallery_changes WHERE seq = (SELECT max(seq) FROM gallery_changes)")

    index, _ = large.started()

    assert not index.from_saved


def test_a_second_recognizer_takes_the_index_that_the_first_one_made(house: House) -> None:
    for number in range(LARGE):
        house.enrol(number)
    (first, one), (second, two) = house.started(), house.started()

    one.tend(0)
    made = house.archive.path.read_bytes()
    two.tend(0)

    assert second.search.lists is not None
    assert house.archive.path.read_bytes() == made
    assert house.nearest(second, 3) == house.nearest(first, 3) == "Person 3"


def test_an_index_is_saved_again_only_when_it_is_far_behind_and_not_too_often(
    large: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, keeper = large.started()
    made = large.archive.path.read_bytes()
    large.enrol(70)
    index.at_least(large.gallery.version())

    keeper.tend(0)
    assert large.archive.path.read_bytes() == made
    assert not large.archive.is_behind(index.version, SAVE_AFTER_CHANGES)

    monkeypatch.setattr("serve_apps.gallery.keeper.SAVE_AFTER_CHANGES", 2)
    keeper.tend(1)
    second = large.archive.path.read_bytes()
    assert second != made
    large.enrol(71)
    index.at_least(large.gallery.version())
    keeper.tend(SAVE_SECONDS)
    assert large.archive.path.read_bytes() == second
    keeper.tend(SAVE_SECONDS + 1)
    assert large.archive.path.read_bytes() != second


def test_as_long_as_an_erased_person_is_still_here_nothing_is_tried_again(
    large: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, keeper = large.started()
    tried = []
    snapshot = index.snapshot
    monkeypatch.setattr(index, "snapshot", lambda: tried.append(index.version) or snapshot())
    large.gallery.remove_people([large.gallery.person("Person 1")])

    for now in range(3):
        keeper.tend(now)
    assert len(tried) == 1

    index.at_least(large.gallery.version())
    keeper.tend(3)
    assert len(tried) == 2
    large.check()


def test_rows_that_came_during_a_save_are_nobodys_after_a_restart(
    large: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, keeper = large.started()
    large.gallery.remove_people([large.gallery.person("Person 1")])
    index.at_least(large.gallery.version())
    content = Lists.content

    def enrol_meanwhile(lists: Lists) -> tuple[np.ndarray, np.ndarray]:
        for number in range(60, 63):
            large.enrol(number)
        index.at_least(large.gallery.version())
        index.merge(100)
        return content(lists)

    monkeypatch.setattr(Lists, "content", enrol_meanwhile)
    keeper.tend(0)
    for number in range(60, 63):
        large.gallery.remove_faces(large.gallery.faces(f"Person {number}"))

    again, _ = large.started()

    assert again.from_saved
    lists, rows = again.search.lists, again.search.rows
    assert lists is not None
    assert max(lists.near(face_of(61), 24)) < rows.count


def test_while_somebody_else_saves_nobody_waits(large: House) -> None:
    index, keeper = large.started()
    large.gallery.remove_people([large.gallery.person("Person 1")])
    index.at_least(large.gallery.version())
    before = large.archive.path.read_bytes()

    with large.archive.alone(wait=True) as alone:
        assert alone
        keeper.tend(0)

    assert large.archive.path.read_bytes() == before


def test_answers_are_right_while_a_thread_makes_merges_and_saves(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve_apps.gallery.keeper.ROUND_SECONDS", 0.0)
    monkeypatch.setattr("serve_apps.gallery.keeper.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("serve_apps.gallery.keeper.SAVE_AFTER_CHANGES", 3)
    index, keeper = house.started()
    keeper.start()
    there: set[int] = set()

    for number in range(60):
        house.enrol(number)
        there.add(number)
        if number % 3 == 2:
            house.gallery.remove_people([house.gallery.person(f"Person {number - 1}")])
            there.remove(number - 1)
        for asked in {number, max(number - 1, 0), number // 2}:
            assert house.nearest(index, asked) == (f"Person {asked}" if asked in there else "nobody")
        if number == 2 * LARGE:
            assert eventually(lambda: index.search.lists is not None)

    assert keeper.stop(10)
    assert index.search.lists is not None
