"""What restores leave behind is no place where somebody erased lives on: the state before, and a killed load's."""

from __future__ import annotations

from backup.errors import Busy
from backup.places import State
from backup.restore import journal
from backup.restore.gone import erase_from_before
from backup.restore.undo import drop, finish, is_left


def erase_left(state: State, seconds: float = 0.0) -> bool:
    """Take out of it whoever was erased, and remove what nobody can go back to; whether anything is left.

    The cluster may run. Raises Busy when a restore is under way for longer than `seconds`, or was killed in its swap;
    CannotRestore.
    """
    if not state.folder.is_dir():
        return False
    with journal.turn(state.folder, seconds) as mine:
        if not mine:
            raise Busy(f"a restore is under way in {state.folder}; try again when it has ended")
        found = journal.read(state.folder)
        if found is not None and found.is_between:
            raise Busy(f"a restore was killed in {state.folder}; 'doorbell up' ends it")
        if not is_left(state):
            return False
        if found is not None and found.phase == "done":
            erase_from_before(state, found)
            return True
        if journal.place(state.folder).exists():  # of a load or a removal that was killed
            drop(state)
            return False
        erase_from_before(state, None)
        return True


def settle(state: State, seconds: float) -> None:
    """Before a cluster starts: end a swap that was killed. Raises Busy, CannotRestore."""
    with journal.turn(state.folder, seconds) as mine:
        if not mine:
            raise Busy(f"a restore is under way in {state.folder}; start when it has ended")
        finish(state)
