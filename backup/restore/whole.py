"""Restore: a snapshot becomes the state of a place, all of it or nothing.

It is loaded beside the present state, looked into, and only then put in its place, by renames that a journal names
beforehand. The state before stays until it is taken back, or until the next restore.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from backup.blobs import FILES
from backup.errors import CannotRestore
from backup.failpoints import reached
from backup.keyring import Keys
from backup.manifest import Manifest
from backup.persons import Erasure
from backup.places import Loaded, Progress, State
from backup.repository import Repository
from backup.restore import journal, swap
from backup.restore.blobs import Into, NewFolder, Present, load_blobs
from backup.restore.databases import Beside, beside, load_keys
from backup.restore.journal import Journal
from backup.restore.keys import keys_for
from backup.restore.rows import Wanted, load_rows
from backup.restore.undo import begin, drop, finish, holding
from backup.targets.target import Target

ROOM = 2
"""Bytes of the disk for each byte of a snapshot, with indexes."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a place holds now. `left_out` counts rows and blobs of persons who were erased, by table and place."""

    snapshot: str
    taken_at: datetime
    rows: int
    left_out: dict[str, int]
    size: int
    seconds: float


@dataclass
class _Restore:
    """One under way."""

    state: State
    repository: Repository
    manifest: Manifest
    keys: Keys
    progress: Progress
    without_faces: bool
    done: int = 0
    folders: dict[str, Path] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(each.size for each in self.manifest.collections)

    def told(self, size: int) -> None:
        self.done += size
        self.progress(self.done, self.total)

    def waiting(self, live: Path) -> Path:
        return swap.waiting(self.state.folder, live)


def restore(
    state: State,
    repository: Repository,
    apart: Target,
    snapshot: str | None = None,
    at: datetime | None = None,
    progress: Progress = lambda done, total: None,
    without_faces: bool = False,
) -> Restored:
    """A snapshot by its id, or the newest one, or the newest that is not from after `at`.

    Called again after it was killed, it goes on. `without_faces` is for a keyring that is lost with its copy. Raises
    CannotRestore, NoSuchSnapshot, NewerSchema, Damaged.
    """
    began = time.monotonic()
    with holding(state):
        manifest = repository.manifest(snapshot) if snapshot else repository.latest(at)
        with repository.reading(manifest.id):
            keys = keys_for(state, repository, apart, manifest, without_faces)
            one = _Restore(state, repository, manifest, keys, progress, without_faces)
            _check_room(one)
            with _clean_unless_it_ends(state):
                left_out, ready = _load(one)
        with _clean_unless_it_ends(state):
            journal.write(state.folder, ready)  # from now on no command opens the databases, and
            for each in beside(state):  # nobody who came before has them open
                each.refuse_others()
        reached("restore.before_swap")
        finish(state)
    return Restored(manifest.id, manifest.taken_at, manifest.rows, left_out, one.total, time.monotonic() - began)


@contextmanager
def _clean_unless_it_ends(state: State) -> Iterator[None]:
    """A load that fails leaves nothing behind. Raises CannotRestore in the place of what a disk says."""
    try:
        yield
    except BaseException as error:
        drop(state)
        if isinstance(error, OSError):
            raise CannotRestore(f"{error.filename or state.folder}: {error.strerror}; make room there") from error
        raise


def _load(one: _Restore) -> tuple[dict[str, int], Journal]:
    """Everything beside the present state, looked into; what was left out, and what is to be swapped."""
    state, manifest = one.state, one.manifest
    database, keyring = beside(state)
    for each in (database, keyring):
        each.refuse_others()
    begin(state, manifest.id)
    reached("restore.begun")
    for each in (database, keyring):
        each.begin()
    erasure = Erasure(one.keys.persons, one.keys.files, forget_changes=one.without_faces and not one.keys.persons)
    wanted = load_rows(state, one.repository, manifest, database, erasure, one.told)
    reached("restore.after_rows")
    load_keys(keyring, one.keys, state.doors.keyring_tables)
    files = [*_files(one), *_secrets(one), *_blobs(one, wanted, erasure)]
    _look_into(one, database, keyring)
    reached("restore.after_check")
    databases = [each.file for each in (database, keyring) if each.file is not None]
    schemas = tuple((each.kind, each.tables()) for each in (database, keyring) if each.file is None)
    moves = swap.moves_of(state.folder, [*databases, *files], databases)
    swap.sync_all()
    return erasure.left_out, Journal("swapping", manifest.id, moves, schemas)


def _check_room(one: _Restore) -> None:
    free, needed = shutil.disk_usage(one.state.folder).free, ROOM * one.total
    if free < needed:
        raise CannotRestore(
            f"{one.state.folder} has {free >> 20} MB free, about {needed >> 20} are needed: make room there"
        )


def _files(one: _Restore) -> list[Path]:
    """Small files. All of those that are known change places: one that the snapshot lacks is gone afterwards."""
    collection = one.manifest.collection(FILES)
    if collection is not None:
        into = _Files({name: one.waiting(path) for name, path in one.state.files.items()})
        load_blobs(collection, one.repository, into, lambda name: name in one.state.files, one.told)
    return list(one.state.files.values())


def _secrets(one: _Restore) -> list[Path]:
    """Those that the keyring's copy has; others stay as they are."""
    kept = {name: path for name, path in one.state.secrets.items() if name in one.keys.secrets}
    into = _Files({name: one.waiting(path) for name, path in kept.items()})
    for name in kept:
        into.put(name, iter([one.keys.secrets[name]]))
    return list(kept.values())


def _blobs(one: _Restore, wanted: dict[str, Wanted], erasure: Erasure) -> Iterator[Path]:
    for place in one.state.blobs:
        collection = one.manifest.collection(place.name)
        into: Into = Present(place.target)
        if place.folder is not None and place.folder.is_relative_to(one.state.folder):
            into = NewFolder(one.waiting(place.folder))
            one.folders[place.name] = one.waiting(place.folder)
            yield place.folder
        if collection is not None:
            put = load_blobs(collection, one.repository, into, wanted.get(place.name, _any), one.told)
            erasure.left_out[place.name] = collection.count - len(put)


def _any(_: str) -> bool:
    return True


def _look_into(one: _Restore, database: Beside, keyring: Beside) -> None:
    secrets = {name: one.waiting(path) for name, path in one.state.secrets.items() if name in one.keys.secrets}
    with database.opened() as loaded, keyring.opened() as keys:
        one.state.doors.check(Loaded(loaded, keys, one.folders, secrets))


class _Files:
    """Single files by name."""

    def __init__(self, paths: dict[str, Path]) -> None:
        self._paths = paths

    def put(self, name: str, parts: Iterator[bytes]) -> None:
        path = self._paths[name]
        NewFolder(path.parent).put(path.name, parts)
