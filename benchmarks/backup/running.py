"""A command as a process, with what it took: the clock, the processor, the most memory."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from benchmarks.child import MeasurementFailed

LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Ran:
    """`cpu_seconds` of the process and those it waited for; `peak_mb` the most resident memory, in 10^6 bytes."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str

    def share(self, cores: int) -> float:
        """Of the machine."""
        return round(self.cpu_seconds / self.seconds / cores, 3)


def ran(command: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """Raises MeasurementFailed when it does not end with status 0."""
    with tempfile.TemporaryFile("w+") as complaints:
        began = perf_counter()
        process = subprocess.Popen(  # noqa: S603 our own command, or a peer's
            list(command), env=dict(environment), stdout=subprocess.PIPE, stderr=complaints, text=True
        )
        peak = _Peak(process.pid)
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = perf_counter() - began
        process.stdout.close()
        if process.returncode:
            complaints.seek(0)
            last = [line for line in complaints.read().splitlines() if line.strip()][-1:] or ["it said nothing"]
            raise MeasurementFailed(f"{' '.join(command[-4:])} ended with status {process.returncode}: {last[0]}")
    return Ran(round(seconds, 3), round(usage.ru_utime + usage.ru_stime, 3), peak.mb(), output)


class _Peak(threading.Thread):
    """Reads the kernel's high water mark until the process is gone; what the kernel reports then counts its parent."""

    def __init__(self, pid: int) -> None:
        super().__init__(name="peak", daemon=True)
        self._status = Path(f"/proc/{pid}/status")
        self._kb = 0
        self._done = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._done.is_set():
            try:
                found = re.search(r"^VmHWM:\s+(\d+) kB", self._status.read_text(), re.MULTILINE)
            except OSError:
                return
            self._kb = max(self._kb, int(found[1]) if found else 0)
            self._done.wait(LOOK_SECONDS)

    def mb(self) -> float:
        self._done.set()
        self.join()
        return round(self._kb * 1024 / 1e6, 1)
