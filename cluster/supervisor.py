"""Runs a command so that nothing of it survives, however it ends.

Two processes watch each other. The outer one adopts every process that loses its parent, passes signals on, and ends
all that is left when the inner one has ended, also by SIGKILL. The inner one is told by the kernel when the outer one
is killed, and ends in order. Processes are ended by their ids, never by name.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import psutil

GRACE_SECONDS = 3.0
INSIDE = "DOORBELL_SUPERVISED"
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def inside() -> bool:
    """Whether this process is the inner one. Tells the kernel what to do when the outer one dies."""
    marked = os.environ.pop(INSIDE, None)
    if marked is None:
        return False
    if marked != str(os.getppid()):
        sys.exit(1)  # the outer process was killed before this one had begun
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    adopt_orphans()
    return True


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies (Linux; elsewhere they go to the init process)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def run_inside(arguments: Sequence[str]) -> int:
    """Run this program again as the inner process, and its exit status when nothing of it is left."""
    adopt_orphans()
    environment = os.environ | {INSIDE: str(os.getpid())}
    inner = subprocess.Popen([sys.executable, *arguments], env=environment, start_new_session=True)

    def pass_on(number: int, _: FrameType | None) -> None:
        inner.send_signal(number)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    status = inner.wait()
    end_descendants()
    return 128 - status if status < 0 else status


def end_descendants() -> None:
    """End every process below this one, by its id, until none is left: a dying one may start another."""
    while below := psutil.Process().children(recursive=True):
        _end(below)


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=GRACE_SECONDS)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=GRACE_SECONDS)


def end_stale(folder: Path) -> None:
    """End this user's processes that work in `folder`: left when both processes of a run were killed at once."""
    own = {os.getpid(), os.getppid()}
    stale = [process for process in psutil.process_iter() if process.pid not in own and _works_in(process, str(folder))]
    _end(stale)


def _works_in(process: psutil.Process, folder: str) -> bool:
    try:
        if process.uids().real != os.getuid():
            return False
        return any(folder in part for part in process.cmdline()) or any(
            file.path.startswith(f"{folder}/") for file in process.open_files()
        )
    except psutil.Error:
        return False


def _prctl(option: int, argument: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, argument, 0, 0, 0)
