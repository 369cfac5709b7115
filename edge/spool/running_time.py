"""How long agents have run on a spool, in seconds over all their processes.

A box without a clock of its own may start in 1970 and jump by decades once it hears of the time, so the age of a
waiting frame counts only time that passed while an agent ran. Each frame's header notes the running time of its
taking. A small file does so now and then while frames wait, for the time after the last of them. Where both are lost
with the power, frames are taken for younger than they are, by ten minutes at the most.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import structlog

from edge.spool.disk import Disk, put_durably

log = structlog.get_logger(__name__)

_FILE = "RUNNING"
_SAVE_EVERY_S = 600.0


class RunningTime:
    """Counts on from `base_s`; `due` says when it is to be saved again."""

    def __init__(self, folder: Path, disk: Disk, base_s: float, clock: Callable[[], float]) -> None:
        self.base_s = base_s
        self._path = folder / _FILE
        self._disk = disk
        self._clock = clock
        self._opened_s = clock()
        self._saved_s = 0.0

    def since_open_s(self) -> float:
        return max(0.0, self._clock() - self._opened_s)

    def now_s(self) -> float:
        return self.base_s + self.since_open_s()

    def due(self) -> bool:
        """Return, once every ten minutes, True."""
        elapsed_s = self.since_open_s()
        if elapsed_s - self._saved_s < _SAVE_EVERY_S:
            return False
        self._saved_s = elapsed_s
        return True

    def save(self) -> None:
        """Have it on disk. A failure costs some accuracy and is only logged."""
        text = f"{self.now_s():.3f}"
        temporary = self._path.with_name(f".{_FILE}.tmp")
        try:
            self._disk.unlink(temporary)
            put_durably(self._disk, temporary, self._path, f"{text} {_checksum(text)}\n".encode())
        except OSError as error:
            log.warning("spool.running_time_not_saved", error=str(error))


def read_running_s(folder: Path, disk: Disk) -> float:
    """Return what was saved last, 0.0 where that cannot be told."""
    try:
        text, _, checksum = disk.read(folder / _FILE).decode().strip().partition(" ")
        seconds = float(text) if checksum == _checksum(text) else 0.0
    except (OSError, ValueError):
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
