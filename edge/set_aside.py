"""A folder for spool files that are not sent: kept for people to look at, a bounded number of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class SetAside:
    """Keeps the newest `keep` files, each beside a `.json` file that says why it is here."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep

    def put(self, file: Path, reason: dict[str, Any]) -> None:
        """Move a file here. A disk that no longer obeys is logged, not raised: the queue behind it must go on."""
        try:
            self._folder.mkdir(exist_ok=True)
            _reason_file(self._folder / file.name).write_text(json.dumps(reason))
            file.rename(self._folder / file.name)
            self._prune()
        except OSError as error:
            log.error("spool.set_aside_failed", file=str(file), error=str(error))

    def _prune(self) -> None:
        files = sorted(self._folder.glob("*.frame"), key=lambda file: file.stat().st_mtime_ns)
        for file in files[: max(0, len(files) - self._keep)]:
            file.unlink(missing_ok=True)
            _reason_file(file).unlink(missing_ok=True)


def listed(folder: Path) -> list[dict[str, Any]]:
    """Return name, bytes and reason of each file in the folder, by arrival."""
    return [
        {"file": file.name, "bytes": file.stat().st_size, "reason": _reason(file)}
        for file in sorted(folder.glob("*.frame"))
    ]


def _reason(file: Path) -> object:
    try:
        return json.loads(_reason_file(file).read_text())
    except (OSError, ValueError):
        return None


def _reason_file(file: Path) -> Path:
    return file.with_suffix(".json")
