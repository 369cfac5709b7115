"""A whole state to take snapshots of and to restore into: real databases, crops, frames and files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from sqlalchemy import Engine

from backup.errors import CannotRestore, NewerSchema
from backup.passphrase import Passphrase
from backup.places import BlobPlace, Doors, State
from backup.repository import Repository
from backup.snapshot import Taken, snapshot
from backup.targets.folder import FolderTarget
from cluster.cli.restored import look_into
from cluster.preflight import CannotStart, sole_owner
from cluster.security import keyring as keyrings
from cluster.security.audit import metadata as cluster_tables
from cluster.security.keyring import Keyring, make_master_key, master_key
from samples.frames import FRAMES
from serve_apps import database, tables
from serve_apps.events.event import Event
from serve_apps.events.recent import RecentFrames, RecentLimits
from serve_apps.events.store import insert
from serve_apps.faces import Box, Frame, Identity, Recognition, Standing, Trigger
from serve_apps.gallery.audited import actor
from serve_apps.gallery.crops import Crops, FolderCrops
from serve_apps.gallery.person import NewFace, Person
from serve_apps.gallery.store import Gallery
from serve_apps.notifications.outbox import add

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPACE = "space-1"


@dataclass(frozen=True)
class House:
    """One place with its stores; they are opened by whoever asks, so that a restore finds nothing open."""

    folder: Path
    database: Engine
    keyring_database: Engine

    @property
    def state(self) -> State:
        blobs = {"crops": "gallery_faces", "recent-frames": None, "releases": None}
        return State(
            folder=self.folder,
            database=self.database,
            keyring=self.keyring_database,
            blobs=tuple(
                BlobPlace(name, FolderTarget(self.folder / name), self.folder / name, follows)
                for name, follows in blobs.items()
            ),
            files={name: self.folder / name for name in ("serve-state.json", "notices.yaml")},
            secrets={"master.key": self.folder / "master.key"},
            program="doorbell 0",
            doors=self.doors,
        )

    @property
    def doors(self) -> Doors:
        check = partial(look_into, master=self.folder / "master.key", crops=self.crops)
        return Doors(database.connect, migrated, keyrings.make_tables, database.alone, owned, check)

    @property
    def crops(self) -> Crops:
        return FolderCrops(self.folder / "crops")

    @property
    def keyring(self) -> Keyring:
        return Keyring(self.keyring_database, master_key(self.folder / "master.key"))

    @property
    def gallery(self) -> Gallery:
        return Gallery(self.database, self.keyring, self.crops, actor("key 1", NOW))

    @property
    def recent(self) -> RecentFrames:
        blobs = FolderCrops(self.folder / "recent-frames")
        return RecentFrames(self.database, self.keyring, blobs, RecentLimits(most=1000), lambda: NOW)

    def enrol(self, name: str, place: float = 0.0, photo: str = "1") -> Person:
        person = self.gallery.add_person(name, Standing.KNOWN, NOW)
        self.gallery.add_face(person, a_face(place, photo), NOW)
        return person

    def post(self, frame_id: str, *people: str, image: bytes = b"image") -> Event:
        box = Box(1.5, 2.5, 100.0, 120.0)
        faces = tuple(Identity(box, 0.9, 0.8, Standing.KNOWN, person, 0.3, None) for person in people)
        frame = Frame(frame_id, "front-door", NOW, NOW, Trigger.BUTTON, image)
        with self.database.begin() as connection:
            event = insert(connection, frame, Recognition(faces, "release-1"))
            add(connection, event, ("family",), NOW)
        return event

    def live_in(self, samples: Path) -> tuple[Person, ...]:
        """Some of everything."""
        people = tuple(self.enrol(name, number, str(number)) for number, name in enumerate(("Ada", "Bob", "Cy")))
        for number in range(5):
            self.post(f"frame-{number}", people[number % 2].id)
        image = FRAMES[0].write(samples, 0).read_bytes()
        self.recent.keep(image, self.post("kept", people[0].id, image=image))
        for name, content in (("serve-state.json", b"{}"), ("notices.yaml", b"rules: []\n")):
            (self.folder / name).write_bytes(content)
        FolderTarget(self.folder / "releases").put("sface-1/weights.onnx", bytes(range(256)) * 20_000)
        return people

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Of every table, sorted; values as Python has them on both engines."""
        found = {}
        with database.reading(self.database) as connection:
            for table in [*tables.metadata.sorted_tables, *cluster_tables.sorted_tables]:
                if not table.name.startswith("backup_"):
                    found[table.name] = sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
        return found

    def close(self) -> None:
        self.database.dispose()
        self.keyring_database.dispose()


@contextmanager
def house(folder: Path, url: str | None = None, keyring_url: str | None = None) -> Iterator[House]:
    folder.mkdir(parents=True, exist_ok=True)
    url, keyring_url = url or f"sqlite:///{folder}/doorbell.db", keyring_url or f"sqlite:///{folder}/keyring.db"
    made = House(folder, database.connect(url), database.connect(keyring_url))
    try:
        yield made
    finally:
        made.close()


def begun(made: House) -> House:
    """With tables and a master key."""
    database.migrate(made.database)
    make_master_key(made.folder / "master.key")
    return made


@dataclass(frozen=True)
class Vault:
    """Where snapshots go, and the keyring apart."""

    repository: Repository
    apart: FolderTarget

    def snapshot(self, made: House, whole: bool = False) -> Taken:
        return snapshot(made.state, self.repository, self.apart, lambda: NOW, whole=whole)


def vault(folder: Path) -> Vault:
    phrase = folder / "passphrase"
    folder.mkdir(parents=True, exist_ok=True)
    phrase.touch(0o600)
    phrase.write_text("correct horse battery")
    target, apart = FolderTarget(folder / "repository"), folder / "apart"
    known = (folder / "repository" / "repository").exists()
    key = Passphrase(phrase)
    return Vault(Repository.open(target, key) if known else Repository.create(target, key, NOW), FolderTarget(apart))


def a_face(place: float = 0.0, photo: str = "1") -> NewFace:
    return NewFace(photo * 64, 0.9, np.full(128, place, np.float32), SPACE, b"crop of " + photo.encode())


def migrated(engine: Engine, revision: str | None) -> None:
    try:
        database.migrate(engine, revision or "head")
    except database.DatabaseError as error:
        raise NewerSchema(str(error)) from None


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    try:
        with sole_owner(folder):
            yield
    except CannotStart as error:
        raise CannotRestore(str(error)) from None
