"""A data folder of made-up people and events, as large as asked: rows as the application writes them, but in bulk.

What would compress in life compresses here, and no more: ids, digests, boxes and sealed bytes are drawn at random.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gallery_fill import MASTER, fill, gallery_in
from benchmarks.made_faces import MadeGallery, made_gallery

CROP_BYTES = 24_000
"""A sealed crop: those of the sample photographs have 8 to 45 kB."""

BATCH = 20_000
EVENT = (
    "INSERT INTO events (seq, id, frame_id, frame_sha256, camera_id, captured_at, received_at, trigger, verdict,"
    " release, faces, recognize_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
PERSON = "INSERT INTO event_people (event_seq, person_id) VALUES (?, ?)"
KNOWN, NO_FACE = 0.6, 0.15
"""Shares of the events; the others show somebody unknown."""

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
APART_SECONDS = 20


def make(folder: Path, people: int, events: int, say: Callable[[str], None]) -> None:
    """People with a photograph and a crop each, and events; the master key too, so that a cluster runs on it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "master.key").touch(0o600)
    (folder / "master.key").write_bytes(MASTER)
    say(f"making {people:,} people …")
    faces = made_gallery(people, 2)
    # Turned round they are as far from real faces as from each other, so that real people can be enrolled beside them.
    strangers = MadeGallery(-faces.embeddings, np.arange(people, dtype=np.int32), faces.queries)
    ids = fill(folder, strangers, lambda *_: None)
    _put_crops(folder)
    say(f"making {events:,} events …")
    add_events(folder / "doorbell.db", ids, events)


def add_events(database: Path, person_ids: list[str], count: int) -> None:
    """So many events after those that are there."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-400000")  # ids at random meet every page of their indexes
        first = (connection.execute("SELECT max(seq) FROM events").fetchone()[0] or 0) + 1
        dice = random.Random(first)
        for start in range(first, first + count, BATCH):
            numbers = range(start, min(start + BATCH, first + count))
            made = [_event(seq, person_ids, dice) for seq in numbers]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(EVENT, [row for row, _ in made])
            connection.executemany(PERSON, [(row[0], person) for row, person in made if person])
            connection.execute("COMMIT")


def person_ids(database: Path) -> list[str]:
    """Of everybody who is enrolled."""
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM people ORDER BY id")]


def _event(seq: int, person_ids: list[str], dice: random.Random) -> tuple[tuple[Any, ...], str | None]:
    """A row, and the person it shows."""
    share = dice.random()
    person = dice.choice(person_ids) if share < KNOWN else None
    verdict = "known" if person else "no_face" if share > 1 - NO_FACE else "unknown"
    faces = [] if verdict == "no_face" else [_face(person, verdict, dice)]
    at = BEGAN + timedelta(seconds=seq * APART_SECONDS + dice.random())
    moments = [f"{each:%Y-%m-%d %H:%M:%S.%f}" for each in (at, at + timedelta(milliseconds=60))]
    ids = [str(uuid.UUID(int=dice.getrandbits(128))) for _ in range(2)]
    told = (f"{dice.getrandbits(256):064x}", f"door-{dice.randrange(50)}", *moments)
    decided = ("button", verdict, "yunet-dlib-1", json.dumps(faces), dice.uniform(12, 60))
    return (seq, *ids, *told, *decided), person


def _face(person: str | None, standing: str, dice: random.Random) -> dict[str, Any]:
    box = {side: dice.uniform(20, 400) for side in ("x", "y", "width", "height")}
    scores = {"detection_score": dice.random(), "quality": dice.random()}
    match = {"person_id": person, "distance": dice.random(), "margin": dice.random()}
    return {"box": box, **scores, "standing": standing, **match}


def _put_crops(folder: Path) -> None:
    keyring = gallery_in(folder).keyring
    for person, face in _faces(folder / "doorbell.db"):
        place = folder / "crops" / person
        place.mkdir(parents=True, exist_ok=True)
        (place / face).write_bytes(keyring.seal(person, f"crop {face}", os.urandom(CROP_BYTES)))


def _faces(database: Path) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as connection:
        yield from connection.execute("SELECT person_id, id FROM gallery_faces")
