from __future__ import annotations

import subprocess
import sys

import pytest

from serve_apps.niceness import NORMAL, STARTING, of_starting

LATER = """
import os, threading
from serve_apps.niceness import come_forward, of_starting
threading.Thread(target=threading.Event().wait, args=(2,), daemon=True).start()
print(os.getpriority(os.PRIO_PROCESS, 0), of_starting())
come_forward()
print(*(os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir("/proc/self/task")))
"""


def test_every_thread_comes_forward() -> None:
    if of_starting() == NORMAL:
        pytest.skip("niceness cannot be taken back here")
    command = ["nice", "-n", str(STARTING), sys.executable, "-c", LATER]
    before, after = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    assert before == f"{STARTING} {NORMAL}"  # whoever is nice already is not made any nicer
    assert set(after.split()) == {str(NORMAL)}
    assert len(after.split()) > 1
