"""What a restore is about to do, written beforehand: whoever is killed leaves a state that can be gone on from."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from backup.disk import sync_folder
from backup.errors import CannotRestore

FOLDER = ".restore"
Phase = Literal["loading", "swapping", "done", "undoing"]


@dataclass(frozen=True, slots=True)
class Move:
    """`new` takes the place of `live`, which goes to `before`; `had` tells whether there was one."""

    live: str
    new: str
    before: str
    had: bool


@dataclass(frozen=True, slots=True)
class Journal:
    """`schemas` are the databases in PostgreSQL (`database`, `keyring`) with the tables that were restored there."""

    phase: Phase
    snapshot: str
    moves: tuple[Move, ...] = ()
    schemas: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def is_between(self) -> bool:
        """Whether the swap was begun and not ended: nothing may use the place before that."""
        return self.phase in ("swapping", "undoing")

    def at(self, phase: Phase) -> Journal:
        """The same, further."""
        return replace(self, phase=phase)


def place(folder: Path) -> Path:
    """Where the restored state waits, and the state before is kept, inside the data folder."""
    return folder / FOLDER


def read(folder: Path) -> Journal | None:
    """None where nothing was restored. Raises CannotRestore."""
    try:
        content = json.loads((place(folder) / "journal.json").read_bytes())
        moves = tuple(Move(**each) for each in content["moves"])
        schemas = tuple((name, tuple(tables)) for name, tables in content["schemas"])
        return Journal(content["phase"], content["snapshot"], moves, schemas)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise CannotRestore(f"{place(folder)}/journal.json cannot be read: {error}") from error


def is_between(folder: Path) -> bool:
    """Whether a swap was begun there and not ended. Raises CannotRestore."""
    found = read(folder)
    return found is not None and found.is_between


def write(folder: Path, journal: Journal) -> None:
    """On the disk when it returns."""
    new = place(folder) / "journal.new"
    with new.open("w") as file:
        json.dump(asdict(journal), file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(place(folder) / "journal.json")
    sync_folder(place(folder))


@contextmanager
def turn(folder: Path, seconds: float) -> Iterator[bool]:
    """Whether nobody else works on what restores leave, within so many seconds; the end of a process ends its turn."""
    descriptor = os.open(folder / "restore.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until, held = time.monotonic() + seconds, False
    try:
        while not held:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held = True
            except BlockingIOError:
                if time.monotonic() >= until:
                    break
                time.sleep(0.05)
        yield held
    finally:
        os.close(descriptor)


def end(folder: Path) -> None:
    """No way back from here: what is left is waste."""
    (place(folder) / "journal.json").unlink(missing_ok=True)
    if place(folder).is_dir():
        sync_folder(place(folder))


def clear(folder: Path) -> None:
    """Forget it all, the state before too. The journal goes first: what is left without it is waste."""
    end(folder)
    if place(folder).is_dir():
        shutil.rmtree(place(folder))


def begin(folder: Path, snapshot: str) -> None:
    """An empty place, and a journal that says that it is being filled."""
    clear(folder)
    for each in ("new", "before"):
        (place(folder) / each).mkdir(parents=True, mode=0o700)
    write(folder, Journal("loading", snapshot))
