"""The restored state takes the place of the present one, by renames that can be gone on with and taken back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from backup.disk import sync_folder
from backup.failpoints import reached
from backup.restore.journal import Move, place

SIDE_FILES = ("-wal", "-shm")
"""What SQLite keeps beside a database: of another database they would be poison."""


def waiting(folder: Path, live: Path) -> Path:
    """Where what will be at `live` waits, on the same file system."""
    return _beside(folder, live, "new")


def kept(folder: Path, live: Path) -> Path:
    """Where what was at `live` stays, on the same file system."""
    return _beside(folder, live, "before")


def moves_of(folder: Path, lives: Iterable[Path], databases: Iterable[Path]) -> tuple[Move, ...]:
    """For each path, those beside a database before it."""
    sides = [Path(f"{database}{side}") for database in databases for side in SIDE_FILES]
    return tuple(
        Move(str(live), str(waiting(folder, live)), str(kept(folder, live)), live.exists()) for live in (*sides, *lives)
    )


def sync_all() -> None:
    """What was written without is on the disk."""
    os.sync()


def forward(moves: Sequence[Move]) -> None:
    """Again and again, if need be."""
    for move in moves:
        live, new, before = Path(move.live), Path(move.new), Path(move.before)
        of = _database(move, moves)
        came_later = of is not None and Path(of.new).exists()
        if live.exists() and not before.exists() and (move.had or came_later):
            _rename(live, before)
        elif live.exists() and came_later:
            live.unlink()
        reached("restore.between_renames")
        if new.exists():
            _rename(new, live)
        reached("restore.after_rename")


def back(moves: Sequence[Move]) -> None:
    """Take it back; again and again, if need be."""
    for move in moves:
        live, new, before = Path(move.live), Path(move.new), Path(move.before)
        of = _database(move, moves)
        is_back = of is not None and of.had and not Path(of.before).exists()
        if live.exists() and (before.exists() if move.had else not new.exists() and not is_back):
            _rename(live, new)
        reached("undo.between_renames")
        if before.exists():
            _rename(before, live)
        reached("undo.after_rename")


def _database(move: Move, moves: Sequence[Move]) -> Move | None:
    """Of a side file, which is the old database's as long as the new one waits, even if it came since."""
    return next((each for each in moves for side in SIDE_FILES if move.live == f"{each.live}{side}"), None)


def _rename(old: Path, new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    old.rename(new)
    for folder in {old.parent, new.parent}:
        sync_folder(folder)


def _beside(folder: Path, live: Path, what: str) -> Path:
    if live.is_relative_to(folder):
        return place(folder) / what / live.relative_to(folder)
    return live.with_name(f"{live.name}.{what}-restore")
