"""The same data by restic, as people use it: a repository in a folder, a password file, the database's own file.

Nothing writes meanwhile, which restic needs and we do not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.backup.running import Ran, ran

WHAT = ("doorbell.db", "crops", "releases")


class Restic:
    """A repository of its own; restic has to be installed (Debian's package)."""

    def __init__(self, place: Path) -> None:
        """`place` is a folder that is not there yet."""
        place.mkdir(parents=True)
        self._place = place
        password = place / "password"
        password.write_text("made up for the measurement")
        variables = {"RESTIC_PASSWORD_FILE": str(password), "RESTIC_CACHE_DIR": str(place / "cache")}
        self._environment = os.environ | variables | {"RESTIC_REPOSITORY": str(place / "repository")}
        self.run("init")

    def run(self, *arguments: str) -> Ran:
        """Raises MeasurementFailed."""
        return ran(["restic", "--quiet", *arguments], self._environment)

    def backup(self, data: Path) -> dict[str, Any]:
        """Seconds, bytes that the repository has grown by."""
        before = size_of(self._place / "repository")
        done = self.run("backup", *(str(data / name) for name in WHAT))
        return _told(done) | {"bytes_stored": size_of(self._place / "repository") - before}

    def verify(self) -> dict[str, Any]:
        """Reads all of it back."""
        return _told(self.run("check", "--read-data"))

    def restore(self, to: Path) -> dict[str, Any]:
        """All of the newest snapshot."""
        return _told(self.run("restore", "latest", "--target", str(to)))


def beside(place: Path, data: Path, more: Callable[[], None], say: Callable[[str], None]) -> dict[str, Any] | None:
    """First, second after `more` events, verify and restore; None where restic is not installed."""
    if shutil.which("restic") is None:
        return None
    say("the same with restic …")
    restic = Restic(place)
    first = restic.backup(data)
    more()
    second = restic.backup(data)
    return {
        "version": restic.run("version").output.split(" compiled")[0],
        "first": first,
        "incremental": second,
        "verify": restic.verify(),
        "restore": restic.restore(place / "restored"),
    }


def size_of(folder: Path) -> int:
    """Bytes of the files below it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _told(done: Ran) -> dict[str, Any]:
    return {name: value for name, value in asdict(done).items() if name != "output"}
