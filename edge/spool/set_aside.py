"""A folder for spool files that are not sent: kept for people to look at, a bounded number of them."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from edge.spool.disk import DISK, Disk, write_new

log = structlog.get_logger(__name__)


class SetAside:
    """Keeps the `keep` files that arrived last, each beside a `.json` file that says why it is here."""

    def __init__(self, folder: Path, keep: int, disk: Disk = DISK) -> None:
        self._folder = folder
        self._keep = keep
        self._disk = disk

    def put(self, file: Path, reason: dict[str, Any]) -> None:
        """Move a file here. A disk that no longer obeys is logged, not raised: the queue behind it must go on."""
        try:
            self._disk.make_folder(self._folder)
            # A full disk has room for a new name where it has none for the reason.
            self._disk.rename(file, self._folder / file.name)
            self._prune()
            self._write_reason(file.name, reason)
        except OSError as error:
            log.error("spool.set_aside_failed", file=file.name, error=str(error))

    def _write_reason(self, name: str, reason: dict[str, Any]) -> None:
        path = reason_file(self._folder / name)
        self._disk.unlink(path)
        write_new(self._disk, path, json.dumps(reason).encode(), durable=False)

    def _prune(self) -> None:
        names = sorted(name for name in self._disk.names(self._folder) if name.endswith(".frame"))
        for name in names[: max(0, len(names) - self._keep)]:
            remove_set_aside(self._folder / name, self._disk)


def listed(folder: Path) -> list[dict[str, Any]]:
    """Return name, bytes and reason of each file in the folder, by arrival."""
    rows = []
    for file in sorted(folder.glob("*.frame")):
        # A running agent removes the oldest while somebody looks.
        with suppress(FileNotFoundError):
            rows.append({"file": file.name, "bytes": file.stat().st_size, "reason": _reason(file)})
    return rows


def remove_set_aside(file: Path, disk: Disk = DISK) -> None:
    """Remove a file and its reason. Raises OSError."""
    disk.unlink(file)
    disk.unlink(reason_file(file))


def reason_file(file: Path) -> Path:
    """Return where the reason for a file lies."""
    return file.with_suffix(".json")


def _reason(file: Path) -> object:
    try:
        return json.loads(reason_file(file).read_text())
    except (OSError, ValueError):
        return None
