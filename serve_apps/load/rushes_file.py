"""The file of expected rushes, read again when it changes; `autoscaling/schedule_file.py` says what is in it."""

from __future__ import annotations

import logging
from pathlib import Path

from autoscaling.schedule import BadSchedule, Schedule
from autoscaling.schedule_file import read

log = logging.getLogger(__name__)


class WatchedRushes:
    """The schedule as the file says it now; a file that is wrong keeps the last good schedule and is reported."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._schedule = Schedule()
        self.problem: str | None = None

    def __call__(self) -> Schedule:
        """The schedule in force."""
        stamp = self._stamped()
        if self._path and (stamp != self._stamp or (stamp is None and self.problem is None)):
            self._stamp = stamp
            try:
                self._schedule, self.problem = read(self._path), None
            except (BadSchedule, OSError) as error:
                self.problem = " ".join(str(error).split())
                log.error("rushes.file_wrong, the schedule before it stays in force: %s", self.problem)
        return self._schedule

    def _stamped(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size) if found else None
