"""`doorbell up` as a person meets it: once, twice, stopped, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cluster.cli.bench.own_cluster import free_ports
from samples.frames import FRAMES


def arguments(*more: str) -> list[str]:
    options = [part for option, port in free_ports().named().items() for part in (option, str(port))]
    return [sys.executable, "-m", "cluster.cli.main", "up", *options, "--json", *more]


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


def test_a_second_start_finds_people_keys_and_events_again(data: Path) -> None:
    from serve_apps.database import connect
    from serve_apps.events.store import EventStore

    events = EventStore(connect(f"sqlite:///{data}/doorbell.db"))
    before = events.last_seq()
    done = up(data, "--once")
    said = lines(done.stdout)
    assert done.returncode == 0, done.stderr
    assert not any("first_key" in line for line in said)
    assert before >= len(FRAMES)
    assert events.last_seq() == before + len(FRAMES)


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


@pytest.fixture
def started(data: Path) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"DOORBELL_DATA": str(data)}
    process = subprocess.Popen(
        arguments(), env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    assert any("ready" in line for line in process.stdout)
    yield process
    process.kill()
    process.wait()


def gone(processes: list[psutil.Process], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("how", ["ctrl-c", "the launcher killed", "the supervisor killed"])
def test_no_process_survives(started: subprocess.Popen[str], how: str) -> None:
    outer = psutil.Process(started.pid)
    below = outer.children(recursive=True)
    inner = outer.children()[0]
    assert len(below) > 10
    if how == "ctrl-c":
        outer.send_signal(signal.SIGINT)
    else:
        (inner if how == "the launcher killed" else outer).kill()
    assert gone([outer, *below])


def test_what_is_left_when_both_watchers_are_killed_at_once_ends_at_the_next_start(
    started: subprocess.Popen[str], data: Path
) -> None:
    outer = psutil.Process(started.pid)
    below = outer.children(recursive=True)
    inner = outer.children()[0]
    outer.kill()
    inner.kill()
    done = up(data, "--once")
    assert done.returncode == 0, done.stderr
    assert gone(below)


def test_a_data_folder_in_use_is_one_clear_line(started: subprocess.Popen[str], data: Path) -> None:
    second = up(data)
    assert second.returncode == 2
    assert second.stderr.splitlines()[-1].startswith("doorbell: ")
    assert "is in use by process" in second.stderr
