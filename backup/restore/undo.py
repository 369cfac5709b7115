"""The way back to the state before a restore, and the end of one that was killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backup.errors import CannotRestore
from backup.failpoints import reached
from backup.places import State
from backup.restore import journal, schemas, swap
from backup.restore.databases import Beside, beside, engine_of
from backup.restore.gone import erase_from_before
from backup.restore.journal import Journal

TURN_SECONDS = 10.0
"""A snapshot's look at what was left is over by then."""


@contextmanager
def holding(state: State) -> Iterator[None]:
    """Nobody else works in the data folder, and what a killed restore had begun to swap is ended."""
    state.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with state.doors.owned(state.folder), journal.turn(state.folder, TURN_SECONDS) as mine:
        if not mine:
            raise CannotRestore(f"something else works on {journal.place(state.folder)}; try again when it has ended")
        finish(state)
        yield


def finish(state: State) -> None:
    """End a swap that was begun, in the direction that it had. A load that was begun is forgotten by the next one."""
    found = journal.read(state.folder)
    if found is None:
        return
    if found.phase == "swapping":
        _forward(state, found)
    elif found.phase == "undoing":
        _back(state, found)


def undo(state: State) -> str:
    """The state before the last restore is back; the id of the snapshot that is gone. Raises CannotRestore.

    Whoever was erased since the restore is erased there too.
    """
    begun = journal.read(state.folder)
    with holding(state):
        if begun is not None and begun.phase == "undoing":
            return begun.snapshot
        found = journal.read(state.folder)
        if found is None or found.phase != "done":
            raise CannotRestore(f"{state.folder} has no state from before a restore")
        erase_from_before(state, found)
        journal.write(state.folder, found.at("undoing"))
        try:
            for each in _moved(state, found):
                each.refuse_others()
        except BaseException:
            journal.write(state.folder, found)
            raise
        _back(state, found)
        return found.snapshot


def forget(state: State) -> bool:
    """Remove the state from before the last restore; whether there was one."""
    with holding(state):
        found = is_left(state)
        if found:
            drop(state)
        return found


def is_left(state: State) -> bool:
    """Whether a restore has left anything that `drop` removes."""
    if journal.place(state.folder).exists():
        return True
    kinds = ("database", "keyring")
    engines = {kind: engine_of(state, kind) for kind in kinds}
    return any(schemas.has_before(engines[kind], kind) for kind in kinds if engines[kind].dialect.name == "postgresql")


def begin(state: State, snapshot: str) -> None:
    """An empty place to load into; what an older restore left goes."""
    if journal.place(state.folder).exists():
        drop(state)
    for each in _outside(state):
        each.unlink(missing_ok=True)
    journal.begin(state.folder, snapshot)


def drop(state: State) -> None:
    """Whatever waits, and the state before. The folder goes last: as long as it is there, this was not done."""
    journal.end(state.folder)
    dispose(state)
    for kind in ("database", "keyring"):
        if engine_of(state, kind).dialect.name == "postgresql":
            schemas.drop(engine_of(state, kind), kind)
    for each in _outside(state):
        each.unlink(missing_ok=True)
    journal.clear(state.folder)


def _outside(state: State) -> Iterator[Path]:
    """Where files wait, and are kept, whose place is not in the data folder."""
    files = [Path(str(each.url.database)) for each in (state.database, state.keyring) if each.dialect.name == "sqlite"]
    files += [Path(f"{file}{side}") for file in files for side in swap.SIDE_FILES]
    for live in (*files, *state.files.values(), *state.secrets.values()):
        if not live.is_relative_to(state.folder):
            for path in (swap.waiting(state.folder, live), swap.kept(state.folder, live)):
                yield from (Path(f"{path}{side}") for side in ("", *swap.SIDE_FILES, "-writers"))


def _moved(state: State, found: Journal) -> Iterator[Beside]:
    """The databases that changed places."""
    moved = {*(kind for kind, _ in found.schemas), *(move.live for move in found.moves)}
    return (each for each in beside(state) if each.kind in moved or str(each.file) in moved)


def _forward(state: State, found: Journal) -> None:
    dispose(state)
    for kind, _ in found.schemas:
        schemas.forward(engine_of(state, kind), kind)
        reached("restore.after_schema")
    swap.forward(found.moves)
    journal.write(state.folder, found.at("done"))
    reached("restore.done")


def _back(state: State, found: Journal) -> None:
    dispose(state)
    for kind, tables in found.schemas:
        schemas.back(engine_of(state, kind), kind, tables)
        reached("undo.after_schema")
    swap.back(found.moves)
    reached("undo.before_clear")
    drop(state)


def dispose(state: State) -> None:
    """Connections to files that change places would go on with the old ones."""
    for engine in (state.database, state.keyring):
        engine.dispose()
