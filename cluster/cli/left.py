"""What restores and drills leave in a data folder is no place where somebody erased lives on."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from backup.errors import BackupError, Busy
from backup.keyring import PERSONS, erased
from backup.restore.databases import keys_in
from backup.restore.left import erase_left
from serve_apps.database import connect, reading
from serve_apps.settings import Settings

DRILL = "drill"
"""Folder of a drill's restored state, in the data folder; the same for every drill, so that a killed one's is found."""

KEPT = "kept"
"""File in it: somebody wants it to stay."""

LOOK_SECONDS = 10.0


@contextmanager
def drilling(folder: Path) -> Iterator[bool]:
    """Whether nobody else uses the drill's place in this data folder; the end of a process ends its turn."""
    descriptor = os.open(folder / "drill.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def gone_from_left(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each place with what was left, and why somebody erased may still be readable there; empty when nobody is."""
    from cluster.cli import backed_up

    state = backed_up.state(settings)
    try:
        if erase_left(state, LOOK_SECONDS):
            yield "the state before the last restore", ""
    except BackupError as error:
        yield "the state before the last restore", str(error)
    if (settings.folder / DRILL).exists():
        try:
            clear_drill(settings.folder)
            yield f"{settings.folder / DRILL}", ""
        except Busy as error:
            yield f"{settings.folder / DRILL}", str(error)


def clear_drill(folder: Path) -> None:
    """Remove what a drill left that was killed or told to. Raises Busy while one goes on: it removes it itself."""
    if not (folder / DRILL).exists():
        return
    with drilling(folder) as mine:
        if not mine:
            raise Busy("a drill is under way; at its end all of it goes")
        shutil.rmtree(folder / DRILL)


def clear_forsaken_drill(folder: Path, database: Engine) -> None:
    """Remove it unless somebody wants it to stay and nobody in it was erased; nothing while a drill goes on."""
    place = folder / DRILL
    if not place.exists():
        return
    with drilling(folder) as mine:
        if mine and not ((place / KEPT).exists() and not _erased_in(place, database)):
            shutil.rmtree(place)


def _erased_in(place: Path, database: Engine) -> bool:
    """Whether somebody in it was erased since, or may have been: its keyring cannot be read."""
    engine = connect(f"sqlite:///{place / 'keyring.db'}")
    try:
        held = keys_in(engine, {PERSONS: "person_id"}).get(PERSONS, frozenset())
    except DatabaseError:
        return True
    finally:
        engine.dispose()
    with reading(database) as view:
        return bool(erased(view, held))
