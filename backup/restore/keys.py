"""Which keys a restore gets: those of the keyring's copy, else the present system's own, else none."""

from __future__ import annotations

from pathlib import Path

from backup.errors import BackupError, CannotRestore, Damaged, NoSuchObject
from backup.keyring import MASTER, PERSONS, Keys, erased, keys_apart, keys_of
from backup.manifest import Manifest
from backup.packing import unpack_rows
from backup.places import State
from backup.repository import Repository
from backup.restore.databases import keys_in
from backup.targets.target import Target


def keys_for(state: State, repository: Repository, apart: Target, manifest: Manifest, without_faces: bool) -> Keys:
    """Nobody's among them whom the present system has erased.

    Raises CannotRestore where there are none and `without_faces` is not said, or where it is said without need.
    """
    try:
        keys = keys_apart(repository, apart)
    except BackupError as error:
        if not without_faces and not isinstance(error, NoSuchObject | Damaged):
            raise  # it may answer later
        own = _own(state)
        if own is not None and _fits(own, repository, manifest):
            return own
        if without_faces:
            return Keys({}, {})
        raise CannotRestore(
            f"no key of people's faces is left, neither here nor in the keyring's copy ({error}); "
            "all but the faces comes back with --without-faces"
        ) from error
    if without_faces:
        raise CannotRestore("the keyring's copy is there: leave --without-faces away, and faces come back, too")
    return keys.without(_erased(state, keys))


def _own(state: State) -> Keys | None:
    """The present system's; who was erased has none in it."""
    if not _is_there(state, state.keyring.url.database):
        return None
    keys = keys_of(state.keyring, state.secrets)
    return keys if keys.persons and MASTER in keys.secrets else None


def _fits(keys: Keys, repository: Repository, manifest: Manifest) -> bool:
    """Ids of persons are random: whoever has the key of one of them is of the same system."""
    collection = manifest.collection("people")
    if collection is None:
        return False
    place = collection.columns.index("id")
    chunks = (chunk for each in repository.ranges(collection) for chunk in each.chunks)
    return any(row[place] in keys.persons for chunk in repository.get_many(chunks) for row in unpack_rows(chunk))


def _erased(state: State, keys: Keys) -> frozenset[str]:
    """Persons whom the present system has erased after the keyring's last copy.

    Only when database and keyring of the present system agree on it: either may be what was lost.
    """
    present = [engine for engine in (state.database, state.keyring) if _is_there(state, engine.url.database)]
    if len(present) < 2:
        return frozenset()
    held = keys_in(state.keyring, {PERSONS: "person_id"}).get(PERSONS)
    if held is None:
        return frozenset()
    with state.database.connect().execution_options(reading=True) as connection:
        return erased(connection, keys.persons - held)


def _is_there(state: State, database: str | None) -> bool:
    return state.database.dialect.name != "sqlite" or Path(str(database)).is_file()
