"""The gallery in another embedding space, on both databases."""

from __future__ import annotations

import itertools
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import sqlalchemy as sa

from cluster.cli.gallery_embedding import embedding
from cluster.deployment.running import TakenBack
from cluster.security.keyring import Keyring, make_master_key, master_key
from samples.frames import PHOTOS
from serve_apps import tables
from serve_apps.database import alone, connect, migrate
from serve_apps.faces import Box, Face, Image, Standing
from serve_apps.gallery import reembed
from serve_apps.gallery.archive import Archive
from serve_apps.gallery.crops import FolderCrops
from serve_apps.gallery.index import GalleryIndex
from serve_apps.gallery.keeper import Keeper
from serve_apps.gallery.person import NewFace, Person
from serve_apps.gallery.reembed import Outcome, Reembedding
from serve_apps.gallery.spaces import missing
from serve_apps.gallery.store import Gallery, NotEmbedded
from serve_apps.recognition.decode import Picture
from serve_apps.recognition.engine import YunetDlib
from tests.conftest import eventually

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
"""Where the two cannot differ, or only one can go wrong."""


class Colours:
    """An engine whose embedding is the colour of the picture's middle; a black picture has no face."""

    space = "colours-1"
    batches = False

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.seen = 0
        self.threads: set[int] = set()

    def faces(self, image: Image) -> list[Face]:
        return self.faces_of_many([Picture.of(image)])[0]

    def faces_of_many(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        time.sleep(self.seconds)
        self.seen += len(pictures)
        self.threads.add(threading.get_ident())
        return [face_of(picture.image) for picture in pictures]


def face_of(image: Image) -> list[Face]:
    if image.max() < 8:
        return []
    height, width = image.shape[:2]
    embedding = np.resize(image[height // 2, width // 2].astype(np.float32) / 255, 128)
    return [Face(Box(0, 0, width, height), 1.0, 1.0, 99.0, embedding)]


def crop(colour: int) -> bytes:
    """PNG, so that the colour is exact."""
    return cv2.imencode(".png", np.full((32, 32, 3), (colour % 250, colour // 250 + 1, 9), np.uint8))[1].tobytes()


@dataclass(frozen=True)
class Household:
    url: str
    folder: Path

    def gallery(self) -> Gallery:
        keyring = connect(f"sqlite:///{self.folder}/keyring.db" if self.url.startswith("sqlite") else self.url)
        return Gallery(connect(self.url), Keyring(keyring, bytes(32)), FolderCrops(self.folder / "crops"))


@dataclass(frozen=True)
class House:
    at: Household
    gallery: Gallery

    def enrol(self, name: str, *colours: int) -> Person:
        person = self.gallery.add_person(name, Standing.KNOWN, NOW)
        for colour in colours:
            self.photograph(person, colour)
        return person

    def photograph(self, person: Person, colour: int) -> str:
        face = NewFace(f"{colour:064}", 0.9, np.zeros(128, np.float32), "space-1", crop(colour))
        return self.gallery.add_face(person, face, NOW)

    def spoil(self, person: Person, content: bytes | None = None) -> None:
        """Every crop of a person: not the sealed bytes, or sealed bytes that are no picture of a face."""
        for path in (self.at.folder / "crops" / person.id).iterdir():
            sealed = content and self.gallery.keyring.seal(person.id, f"crop {path.name}", content)
            path.write_bytes(sealed or b"no sealed crop at all")

    def embedded(self, space: str = Colours.space) -> int:
        with self.gallery.database.connect() as connection:
            query = sa.select(sa.func.count()).select_from(tables.embeddings).where(tables.embeddings.c.space == space)
            return connection.scalar(query) or 0

    def run(self, engine: Colours | None = None, progress: Callable[[reembed.Progress], None] = print) -> Outcome:
        return Reembedding(self.gallery, engine or Colours()).run(progress, lambda: False, lambda: None)

    def index(self, engine: Colours, archive: Archive | None = None) -> GalleryIndex:
        return GalleryIndex(self.gallery, engine.space, archive, Reembedding(self.gallery, engine).complete)

    def found(self, index: GalleryIndex, colour: int) -> str | None:
        """Whom the index as of the gallery's version has exactly there."""
        wanted = face_of(Picture(crop(colour)).image)[0].embedding
        nearest = index.at_least(self.gallery.version()).nearest(wanted, 1)
        return nearest[0].person_id if nearest and nearest[0].distance == 0 else None


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    at = Household(database, tmp_path)
    gallery = at.gallery()
    yield House(at, gallery)
    gallery.database.dispose()


def test_every_face_is_embedded_and_readable_in_the_new_space(house: House) -> None:
    persons = [house.enrol(f"Person {number}", 10 * number + 10, 10 * number + 11) for number in range(20)]
    seen: list[reembed.Progress] = []

    outcome = house.run(progress=seen.append)

    assert outcome == Outcome(40, (), (), (), 0)
    assert [now.done for now in seen] == [0, 16, 32, 40]
    assert {now.total for now in seen} == {40}
    index = GalleryIndex(house.gallery, Colours.space)
    assert [house.found(index, 10 * number + 11) for number in range(20)] == [person.id for person in persons]
    assert house.run().embedded == 0


def _embed(at: Household, start: object, results: object) -> None:
    start.wait()
    outcome = Reembedding(at.gallery(), Colours(0.001)).run(lambda _: None, lambda: False, lambda: None)
    results.put(outcome.embedded)


def test_two_at_once_write_each_embedding_once(house: House) -> None:
    for number in range(50):
        house.enrol(f"Person {number}", number)
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_embed, args=(house.at, start, results)) for _ in range(2)]
    for process in processes:
        process.start()
    counts = [results.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(30)

    assert [process.exitcode for process in processes] == [0, 0]
    assert sum(counts) == house.embedded() == 50
    assert missing(house.gallery.database, Colours.space) == []


def _embed_slowly(at: Household) -> None:
    Reembedding(at.gallery(), Colours(0.05)).run(lambda _: None, lambda: False, lambda: None)


def test_killed_in_the_middle_and_run_again_the_rest_is_embedded(house: House) -> None:
    for number in range(60):
        house.enrol(f"Person {number}", number)
    process = multiprocessing.get_context("fork").Process(target=_embed_slowly, args=(house.at,))
    process.start()
    assert eventually(lambda: house.embedded() >= 16)
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    before, engine = house.embedded(), Colours()

    outcome = house.run(engine)

    assert 16 <= before < 60
    assert outcome.embedded == engine.seen == 60 - before
    assert house.embedded() == 60


@ON_SQLITE
def test_a_stop_keeps_what_is_done_and_calls_nobody_lost(house: House) -> None:
    for number in range(40):
        house.enrol(f"Person {number}", number)
    engine = Colours()

    outcome = Reembedding(house.gallery, engine).run(lambda _: None, lambda: engine.seen == 20, lambda: None)

    assert outcome == Outcome(20, (), (), (), 20)
    assert house.embedded() == 20


@pytest.mark.parametrize("when", [1, 16])
def test_who_is_erased_meanwhile_is_passed_over(house: House, when: int) -> None:
    persons = [house.enrol(f"Person {number}", number) for number in range(20)]
    by_id = sorted(persons, key=lambda person: person.id)
    faces = itertools.count(1)

    def erase() -> None:
        if next(faces) == when:  # the first is embedded and not yet written, the other not looked at
            other = house.at.gallery()
            other.remove_people([by_id[0], by_id[1], by_id[18]])

    outcome = Reembedding(house.gallery, Colours()).run(lambda _: None, lambda: False, erase)

    assert outcome == Outcome(17, (), (), (), 0)
    assert house.embedded() == 17


@ON_POSTGRESQL
def test_a_face_that_is_just_being_removed_is_not_waited_for(house: House) -> None:
    first, second = house.enrol("First", 1), house.enrol("Second", 2)

    with house.gallery.database.begin() as connection:
        connection.execute(tables.people.delete().where(tables.people.c.id == first.id))
        outcome = house.run()

    assert outcome.embedded == 1
    assert house.found(house.index(Colours()), 2) == second.id
    assert house.embedded() == 1


@ON_SQLITE
def test_what_is_enrolled_meanwhile_is_embedded_too(house: House) -> None:
    house.enrol("First", 1)
    late = iter([2, 3])

    def enrol(_: reembed.Progress) -> None:
        for colour in itertools.islice(late, 1):
            house.enrol(f"Late {colour}", colour)

    assert house.run(progress=enrol).embedded == 3


@ON_SQLITE
def test_a_crop_that_cannot_be_used_names_its_person(house: House) -> None:
    house.enrol("Whole", 1)
    house.spoil(house.enrol("Damaged", 2))
    house.spoil(house.enrol("Faceless", 3), black())
    house.spoil(house.enrol("Undecodable", 4), b"no picture")
    gone, partly = house.enrol("Gone", 5), house.enrol("Partly", 6)
    house.gallery.crops.remove(gone.id)
    house.spoil(partly)
    house.photograph(partly, 7)

    outcome = house.run()

    reasons = {failure.person: failure.reason for failure in outcome.failures}
    assert outcome.embedded == 2
    assert outcome.without == ("Damaged", "Faceless", "Gone", "Undecodable")
    assert outcome.partly == ("Partly",)
    assert "sealed data is damaged" in reasons["Damaged"]
    assert reasons["Faceless"] == "no face is found in its crop"
    assert "cannot be decoded" in reasons["Undecodable"]
    assert "No such file" in reasons["Gone"]


def black() -> bytes:
    return cv2.imencode(".png", np.zeros((32, 32, 3), np.uint8))[1].tobytes()


# the index of another release


def test_an_index_of_one_space_has_an_enrolment_of_another_space_at_once(house: House) -> None:
    engine = Colours()
    one, other = house.index(engine), house.index(Colours())

    person = house.enrol("Resident", 7)

    assert house.found(one, 7) == house.found(other, 7) == person.id
    assert engine.seen == house.embedded() == 1

    house.photograph(person, 8)
    assert house.found(other, 8) == house.found(one, 8) == person.id

    house.gallery.remove_people([person])
    assert house.found(one, 7) is None
    assert house.found(other, 8) is None


@ON_SQLITE
def test_a_start_embeds_what_is_missing(house: House) -> None:
    person = house.enrol("Resident", 7)

    assert house.found(house.index(Colours()), 7) == person.id


@ON_SQLITE
def test_a_gallery_that_was_never_embedded_is_a_clear_error(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembed, "MOST_AT_START", 3)
    for number in range(4):
        house.enrol(f"Person {number}", number)
    engine = Colours()

    with pytest.raises(NotEmbedded, match=r"4 enrolled faces have no embedding in space colours-1; run 'doorbell ga"):
        house.index(engine)
    assert engine.seen == 0

    house.run()
    assert house.index(engine).live == 4


@ON_SQLITE
def test_old_failures_keep_no_replica_from_starting(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    person = house.enrol("Resident", 1, 2, 3, 4, 5)
    house.spoil(person)
    house.photograph(person, 6)
    house.run()
    monkeypatch.setattr(reembed, "MOST_AT_START", 3)
    stranger = house.enrol("Stranger", 7)

    index = house.index(Colours())

    assert house.found(index, 6) == person.id
    assert house.found(index, 7) == stranger.id


def test_a_face_that_cannot_be_embedded_is_logged_once_until_somebody_else_embeds_it(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    person = house.enrol("Resident", 1)
    (path,) = (house.at.folder / "crops" / person.id).iterdir()
    whole = path.read_bytes()
    house.spoil(person)

    with caplog.at_level(logging.ERROR):
        index = house.index(Colours())
        for colour in (2, 3):
            house.photograph(person, colour)
            assert house.found(index, colour) == person.id
    path.write_bytes(whole)
    house.run()

    assert sum("face_not_embedded" in record.message for record in caplog.records) == 1
    assert house.found(index, 1) == person.id


@ON_SQLITE
def test_an_index_that_another_saved_is_followed_on_the_engines_thread(house: House) -> None:
    engine = Colours()
    archive = Archive(house.at.folder / "index", house.gallery, engine.space)
    for number in range(1, 9):
        house.enrol(f"Person {number}", number)
    saver = house.index(Colours())
    index = house.index(engine)
    Keeper(saver, archive, approximate_from=8).tend(0.0)
    person = house.enrol("Late", 20)
    engine.threads.clear()

    keeping = threading.Thread(target=Keeper(index, archive, approximate_from=8).tend, args=(0.0,))
    keeping.start()
    keeping.join()

    assert index.search.lists is not None
    assert engine.threads == set()
    assert house.found(index, 20) == person.id
    assert engine.threads == {threading.get_ident()}


def test_only_one_at_a_time_is_alone(house: House) -> None:
    other = house.at.gallery().database
    with alone(house.gallery.database, "work") as first, alone(other, "work") as second:
        assert (first, second) == (True, False)
    with alone(other, "work") as third:
        assert third


# the command


@pytest.fixture
def home(tmp_path: Path, engine: YunetDlib, weights_folder: Path) -> House:
    """A data folder with a gallery of sample faces in another space than the engine's."""
    (tmp_path / "weights").symlink_to(weights_folder)
    make_master_key(tmp_path / "master.key")
    at = Household(f"sqlite:///{tmp_path}/doorbell.db", tmp_path)
    keyring = Keyring(connect(f"sqlite:///{tmp_path}/keyring.db"), master_key(tmp_path / "master.key"))
    gallery = Gallery(connect(at.url), keyring, FolderCrops(tmp_path / "crops"))
    migrate(gallery.database)
    for name in ("resident", "courier"):
        person = gallery.add_person(name, Standing.KNOWN, NOW)
        for number in (1, 2):
            photo = (PHOTOS / f"{name}-{number}.jpg").read_bytes()
            gallery.add_face(person, NewFace(f"{number:064}", 0.9, np.zeros(128, np.float32), "space-1", photo), NOW)
    return House(at, gallery)


def command(house: House, *options: str) -> subprocess.Popen[str]:
    pack(house)
    return python(house, "-m", "cluster.cli.main", "gallery", "reembed", "--release", "dlib-2", *options)


def pack(house: House) -> None:
    packing = python(house, "-m", "cluster.cli.main", "release", "pack", "dlib-2", "--recipe", "yunet-dlib")
    assert packing.wait(60) == 0


def python(house: House, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"DOORBELL_DATA": str(house.at.folder)}
    line = [sys.executable, *arguments]
    return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_embeds_real_faces_and_names_whom_it_cannot(home: House, engine: YunetDlib) -> None:
    home.spoil(home.enrol("Damaged", 1))

    process = command(home, "--json", "--share", "1")
    said, complaints = process.communicate(timeout=60)
    last = json.loads(said.splitlines()[-1])

    assert (process.returncode, complaints) == (1, "")
    assert (last["embedded"], last["space"], last["without"]) == (4, engine.space, ["Damaged"])
    assert json.loads(said.splitlines()[-2])["done"] == 5
    index = GalleryIndex(home.gallery, engine.space)
    face = engine.faces_of_many([Picture((PHOTOS / "courier-3.jpg").read_bytes())])[0][0]
    nearest = index.at_least(home.gallery.version()).nearest(face.embedding, 1)[0]
    assert nearest.person_id == home.gallery.person("courier").id


def test_an_interrupted_command_keeps_what_is_done(home: House, engine: YunetDlib) -> None:
    process = command(home, "--json", "--share", "0.03")  # half a second for each face
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["total"] == 4
    process.send_signal(signal.SIGINT)
    said, complaints = process.communicate(timeout=60)
    last = json.loads(said.splitlines()[-1])

    assert process.returncode == 130
    assert complaints == ""
    assert last["embedded"] + last["remaining"] == 4
    assert home.embedded(engine.space) == last["embedded"] < 4


# as a part of a rollout


def test_a_rollout_waits_for_another_reembedding_and_then_tells_its_own_progress(
    home: House, engine: YunetDlib, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(home)
    monkeypatch.setenv("DOORBELL_DATA", str(home.at.folder))
    told = embedding("dlib-2")

    with alone(home.gallery.database, "reembedding"):
        waited = [next(line for line in told if "waits for its end" in line), next(told), next(told)]
    said = list(told)

    assert len(set(waited)) == 1
    assert said[-1] == "embedding the gallery for dlib-2: 4 of 4 faces"
    assert home.embedded(engine.space) == 4


def test_a_rollout_names_the_lost_on_the_terminal_and_keeps_their_ids(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(home)
    monkeypatch.setenv("DOORBELL_DATA", str(home.at.folder))
    lost, said = home.enrol("Damaged", 1), []
    home.spoil(lost)

    with pytest.raises(TakenBack) as reason:
        said.extend(embedding("dlib-2"))
    said += reason.value.args

    assert f"nothing is left to recognize {lost.id} by" in said[-1]
    assert "Damaged" not in said[-1]


def test_a_reembedding_ends_when_its_rollout_is_closed_or_killed(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_DATA", str(home.at.folder))
    program = (
        "from cluster.cli.gallery_embedding import embedding\nfor line in embedding('dlib-2'): print(line, flush=1)"
    )
    with alone(home.gallery.database, "reembedding"):
        rollout = python(home, "-c", program)
        assert rollout.stdout is not None
        assert any("waits for its end" in line for line in rollout.stdout)
        (child,) = psutil.Process(rollout.pid).children()
        rollout.kill()
        assert eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)

        told = embedding("spring")
        assert any("waits for its end" in line for line in told)
        (child,) = (each for each in psutil.Process().children() if "spring" in _line(each))
        told.close()
        assert not child.is_running()


def _line(process: psutil.Process) -> list[str]:
    """Empty for one that has ended and was not waited for, as those of other tests."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []
