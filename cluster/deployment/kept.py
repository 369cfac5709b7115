"""The last good state, kept in a file, so that a cluster that is started again runs the releases it ran before."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cluster.deployment.colours import State, StateError


class KeptStateDamaged(Exception):
    """The kept state cannot be read; the text says what to do."""


def state_file(data: Path) -> Path:
    """Where a data folder's state is kept."""
    return data / "serve-state.json"


def keep(path: Path, state: State) -> None:
    """Replace the kept state, or leave the old one whole: written beside it with 0600, synced, renamed, synced."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp gives 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(state.to_json())
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def kept(path: Path) -> State | None:
    """The kept state; None when none is. Raises KeptStateDamaged."""
    try:
        return State.from_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except StateError as error:
        raise KeptStateDamaged(
            f"{path} is damaged ({error}); restore it, or remove it to start with the release that is shipped"
        ) from None
