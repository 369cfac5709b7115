"""What the cluster's clock says, whatever the clock of the box says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from threading import Lock

from edge.camera import Frame

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_DRIFT = 1e-4
"""Seconds a second by which a box's oscillator may run wrong: twice what is usual, 50 parts in a million."""
_DATE_RESOLUTION_S = 1.0
"""A Date header is cut to whole seconds, and servers such as uvicorn renew it once a second."""


def boot_clock() -> tuple[str, float]:
    """Return the id of this boot ("" where the system tells none) and the seconds since, which nobody sets."""
    return boot_id(), boot_s()


def boot_s() -> float:
    """Return the seconds since the box was started, times of sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def boot_id() -> str:
    """Return the id of this boot, or "" where the system tells none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class _Sample:
    """Cluster time (Unix seconds) minus boot time, heard at a moment of the boot clock."""

    offset_s: float
    uncertainty_s: float
    boot_s: float

    def uncertainty_at(self, boot_s: float) -> float:
        return self.uncertainty_s + _DRIFT * abs(boot_s - self.boot_s)

    def agrees_with(self, other: _Sample) -> bool:
        apart_s = abs(self.offset_s - other.offset_s)
        return apart_s <= self.uncertainty_s + other.uncertainty_at(self.boot_s)


class ClusterClock:
    """The best known distance between the cluster's clock and the time since boot; for several threads.

    The least uncertain sample counts, its age reckoned in. A new one that cannot be true beside it takes its place:
    then the cluster's clock was set.
    """

    def __init__(self, this_boot: str | None = None) -> None:
        self._this_boot = boot_id() if this_boot is None else this_boot
        self._best: _Sample | None = None
        self._lock = Lock()

    def heard(self, cluster_time: datetime, sent_s: float, heard_s: float, resolution_s: float = 0.0) -> None:
        """Learn from an answer, asked for and heard at these moments of the boot clock."""
        middle_s = (sent_s + heard_s) / 2.0
        uncertainty_s = (heard_s - sent_s) / 2.0 + resolution_s
        sample = _Sample(cluster_time.timestamp() - middle_s, uncertainty_s, heard_s)
        with self._lock:
            best = self._best
            if best is None or uncertainty_s <= best.uncertainty_at(heard_s) or not sample.agrees_with(best):
                self._best = sample

    def heard_date(self, date: str | None, sent_s: float, heard_s: float) -> None:
        """Learn from the Date header of an answer; one that is missing or odd teaches nothing."""
        try:
            told = parsedate_to_datetime(date or "")
        except ValueError:
            return
        if told.tzinfo is not None:
            # Between the time it says and two of its steps later, so one step later give or take another.
            step_s = _DATE_RESOLUTION_S
            self.heard(told + timedelta(seconds=step_s), sent_s, heard_s, step_s)

    def correction_s(self, frame: Frame) -> tuple[float, float] | None:
        """Return what to add to the frame's `captured_at` to have cluster time, and how uncertain that is, in seconds.

        None where the cluster's time is not known, or the frame is of another boot.
        """
        best = self._best
        if best is None or not frame.boot_id or frame.boot_id != self._this_boot:
            return None
        captured_s = best.offset_s + frame.boot_s
        return captured_s - frame.captured_at.timestamp(), best.uncertainty_at(frame.boot_s)
