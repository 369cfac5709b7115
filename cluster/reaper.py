"""Ends what a crashed launcher leaves behind.

The launcher starts this as `python -m cluster.reaper RUN` and holds the other end of its standard input. When that
closes, for whatever reason, every process that carries DOORBELL_RUN=RUN in its environment is ended, by its id.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import psutil

VARIABLE = "DOORBELL_RUN"
GRACE_SECONDS = 3.0


def belonging_to(run: str) -> list[psutil.Process]:
    """This run's processes, without the caller."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(VARIABLE) == run:
                found.append(process)
    return found


def end(processes: list[psutil.Process]) -> None:
    """SIGTERM, and SIGKILL for what is still there after GRACE_SECONDS."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=GRACE_SECONDS)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=GRACE_SECONDS)


def end_all(run: str) -> int:
    """End this run's processes until none is left, since a dying one may start another; how many there were."""
    ended = 0
    while processes := belonging_to(run):
        end(processes)
        ended += len(processes)
    return ended


def main() -> None:
    """Wait for the launcher's end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_all(sys.argv[1])


if __name__ == "__main__":
    main()
