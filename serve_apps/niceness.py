"""Processes of Ray's that start after everything else, and come forward when they are ready.

A process of Ray's takes two seconds of a core until it does anything. On few cores a visitor would wait for it.
"""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

NORMAL = 0
STARTING = 10
"""Beside one of 0 it gets a tenth of a core, so that it also starts where there is no idle time (kernel/sched/core.c,
sched_prio_to_weight: 110 to 1024)."""

THREADS = Path("/proc/self/task")


def of_starting() -> int:
    """STARTING where it can be taken back, which needs privileges; NORMAL elsewhere, or the replicas would keep it."""
    if sys.platform != "linux" or os.getpriority(os.PRIO_PROCESS, 0) != NORMAL:
        return NORMAL
    with ThreadPoolExecutor(1, "niceness") as thread:  # on Linux every thread has its own, and this one ends with it
        return STARTING if thread.submit(_can_come_back).result() else NORMAL


def come_forward() -> None:
    """All threads of this process, from now on, as any other; where that is forbidden nothing changes."""
    if sys.platform == "linux":
        for thread in THREADS.iterdir():
            with suppress(OSError):  # it has just ended, or may not
                os.setpriority(os.PRIO_PROCESS, int(thread.name), NORMAL)


def _can_come_back() -> bool:
    me = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, me, STARTING)
    try:
        os.setpriority(os.PRIO_PROCESS, me, NORMAL)
    except PermissionError:
        return False
    return True
