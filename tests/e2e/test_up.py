"""`doorbell up` as a person meets it: once, twice, stopped, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from cluster.cli.bench.own_cluster import free_ports
from samples.frames import FRAMES
from serve_apps.database import connect
from serve_apps.events.store import EventStore
from tests.conftest import eventually


def arguments(*more: str) -> list[str]:
    return [sys.executable, "-m", "cluster.cli.main", "up", *free_ports().options(), "--json", *more]


def up(data: Path, *more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DOORBELL_DATA": str(data)}
    return subprocess.run(arguments(*more), env=environment, capture_output=True, text=True, timeout=180)


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def left_of(data: Path) -> list[str]:
    """Processes whose command or environment names the data folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(data) in " ".join([*process.cmdline(), *process.environ().values()]) and process.pid != os.getpid():
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "data"


def test_once_answers_every_sample_frame_as_expected_and_leaves_nothing_behind(data: Path) -> None:
    done = up(data, "--once")
    said = lines(done.stdout)
    rows = [row for row in said if "frame" in row]
    assert done.returncode == 0, done.stderr
    assert said[0]["first_key"].startswith("db_")
    assert [row["frame"] for row in rows] == [frame.name for frame in FRAMES]
    assert all(row["as_expected"] for row in rows)
    assert left_of(data) == []


def test_once_interrupted_before_a_verdict_is_no_success(data: Path) -> None:
    environment = os.environ | {"DOORBELL_DATA": str(data)}
    with subprocess.Popen(arguments("--once"), env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "starting Ray" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
    assert process.returncode != 0
    assert left_of(data) == []


def test_a_wrong_verdict_is_a_failure(tmp_path: Path) -> None:
    data = tmp_path / "data"
    nobody = ["release", "pack", "yunet-dlib-1", "--recipe", "yunet-dlib", "--threshold", "0.01"]
    command = [sys.executable, "-m", "cluster.cli.main", *nobody]
    subprocess.run(command, env=os.environ | {"DOORBELL_DATA": str(data)}, check=True, timeout=60)

    done = up(data, "--once")

    assert done.returncode == 1
    assert not all(row["as_expected"] for row in lines(done.stdout) if "frame" in row)


@contextmanager
def launched(data: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        arguments(),
        env=os.environ | {"DOORBELL_DATA": str(data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ready(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return any("ready" in line for line in process.stdout)


def family(process: subprocess.Popen[str]) -> tuple[psutil.Process, psutil.Process, list[psutil.Process]]:
    """The supervisor, the launcher, and all that is below the supervisor."""
    outer = psutil.Process(process.pid)
    return outer, outer.children()[0], outer.children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return bool(eventually(lambda: not any(alive(process) for process in processes)))


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_a_data_folder_in_use_is_one_clear_line_and_ctrl_c_leaves_no_process(data: Path) -> None:
    with launched(data) as process:
        assert ready(process)
        second = up(data)
        outer, _, below = family(process)
        assert len(below) > 10
        outer.send_signal(signal.SIGINT)
        assert gone([outer, *below])
    assert second.returncode == 2
    assert second.stderr.splitlines()[-1].startswith("doorbell: ")
    assert "is in use by process" in second.stderr


def test_no_process_survives_the_launcher(data: Path) -> None:
    with launched(data) as process:
        assert ready(process)
        outer, inner, below = family(process)
        inner.kill()
        assert gone([outer, *below])


def test_no_process_survives_a_supervisor_that_dies_before_it_is_ready(data: Path) -> None:
    with launched(data) as process:
        assert eventually(lambda: len(psutil.Process(process.pid).children(recursive=True)) > 10)
        outer, _, below = family(process)
        outer.kill()
        assert gone([outer, *below])
    assert eventually(lambda: left_of(data) == [])  # of those too that were started meanwhile


def test_after_both_watchers_died_at_once_the_next_start_ends_what_is_left_and_finds_everything_again(
    data: Path,
) -> None:
    events = EventStore(connect(f"sqlite:///{data}/doorbell.db"))
    with launched(data) as process:
        assert ready(process)
        outer, inner, below = family(process)
        outer.kill()
        inner.kill()
        before = events.last_seq()
        done = up(data, "--once")
        assert gone(below)
    assert done.returncode == 0, done.stderr
    assert not any("first_key" in line for line in lines(done.stdout))
    assert before >= len(FRAMES)
    assert events.last_seq() == before + len(FRAMES)
