"""A data folder with a gallery of made-up faces, written as enrolment writes them but in bulk and without crops."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from benchmarks.made_faces import MadeGallery
from cluster.security.keyring import Keyring
from serve_apps.database import connect, migrate
from serve_apps.faces import Standing
from serve_apps.gallery.crops import FolderCrops
from serve_apps.gallery.store import Gallery
from serve_apps.tables import embeddings, gallery_changes, gallery_faces, people

SPACE = "dlib-resnet-v1"
MASTER = bytes(32)
"""These faces are nobody's, so their keys need no secret."""

BATCH = 10_000


def gallery_in(folder: Path) -> Gallery:
    """The gallery of a data folder, as a recognizer opens it."""
    keyring = Keyring(connect(f"sqlite:///{folder}/keyring.db"), MASTER)
    return Gallery(connect(f"sqlite:///{folder}/doorbell.db"), keyring, FolderCrops(folder / "crops"))


def fill(folder: Path, made: MadeGallery, progress: Callable[[int, int], None]) -> list[str]:
    """The persons' ids by number."""
    engine = connect(f"sqlite:///{folder}/doorbell.db")
    migrate(engine)
    keyring = gallery_in(folder).keyring
    dice = np.random.default_rng(0)
    ids = [str(uuid.UUID(bytes=dice.bytes(16), version=4)) for _ in range(int(made.owners[-1]) + 1)]
    first = 0
    while first < len(made.owners):
        last = min(first + BATCH, len(made.owners))
        while last < len(made.owners) and made.owners[last] == made.owners[last - 1]:
            last += 1  # a person's photographs stay together
        _write(engine, keyring, made, ids, slice(first, last))
        progress(last, len(made.owners))
        first = last
    engine.dispose()
    return ids


def _write(engine: sa.Engine, keyring: Keyring, made: MadeGallery, ids: list[str], part: slice) -> None:
    now = datetime.now(UTC)
    numbers = np.unique(made.owners[part]).tolist()
    persons = [ids[number] for number in numbers]
    keyring.create(*persons)
    faces = [str(uuid.uuid4()) for _ in made.owners[part]]
    owners = [ids[number] for number in made.owners[part].tolist()]
    plain = [
        (person, f"embedding {face} {SPACE}", embedding.tobytes())
        for person, face, embedding in zip(owners, faces, made.embeddings[part], strict=True)
    ]
    sealed = keyring.seal_many(plain)
    rows: list[tuple[sa.Table, list[dict[str, object]]]] = [
        (people, [_person(ids[number], number, now) for number in numbers]),
        (gallery_faces, [_face(face, person, now) for face, person in zip(faces, owners, strict=True)]),
        (embeddings, [{"face_id": f, "space": SPACE, "sealed": s} for f, s in zip(faces, sealed, strict=True)]),
        (gallery_changes, [{"person_id": person} for person in persons]),
    ]
    with engine.begin() as connection:
        for table, values in rows:
            connection.execute(table.insert(), values)


def _person(person_id: str, number: int, now: datetime) -> dict[str, object]:
    return {"id": person_id, "name": f"Person {number}", "standing": Standing.KNOWN, "created_at": now}


def _face(face: str, person: str, now: datetime) -> dict[str, object]:
    return {"id": face, "person_id": person, "photo_sha256": face.replace("-", ""), "quality": 1.0, "created_at": now}
