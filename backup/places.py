"""Where the state of a cluster lies, as the wiring tells it: backup imports none of our other folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from backup.targets.target import Target

Progress = Callable[[int, int], None]
"""Told how many bytes are done, and of how many; the latter is a guess where it cannot be known."""


@dataclass(frozen=True, slots=True)
class BlobPlace:
    """Blobs by name. `folder` is where `target` keeps them, None when that is no folder of this machine.

    `follows` is a table: while none of its rows changes, no blob comes or goes.
    """

    name: str
    target: Target
    folder: Path | None
    follows: str | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A state that was restored, before it takes the place of the present one.

    `folders` are those of blob places, by their names; places that are no folder are not among them.
    """

    database: Engine
    keyring: Engine
    folders: Mapping[str, Path]
    secrets: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Doors:
    """What the wiring lends.

    `connect` opens a database by its URL. `migrate` brings its schema to a revision, None for this program's; raises
    NewerSchema. `keyring_tables` makes those of a keyring. `alone` tells whether nobody else does the same with a
    database meanwhile. `owned` holds a folder against a cluster; raises CannotRestore. `check` looks into what was
    restored; raises Damaged.
    """

    connect: Callable[[str], Engine]
    migrate: Callable[[Engine, str | None], None]
    keyring_tables: Callable[[Engine], None]
    alone: Callable[[Engine, str], AbstractContextManager[bool]]
    owned: Callable[[Path], AbstractContextManager[None]]
    check: Callable[[Loaded], None]


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a snapshot holds, and the keyring, which it does not.

    `files` are small and may be absent; `secrets` are kept with the keyring. `program` is its name with its version.
    """

    folder: Path
    database: Engine
    keyring: Engine
    blobs: tuple[BlobPlace, ...]
    files: Mapping[str, Path]
    secrets: Mapping[str, Path]
    program: str
    doors: Doors
