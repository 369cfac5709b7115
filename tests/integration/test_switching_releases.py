"""Releases on a running cluster: in, back, and never in, while doors go on posting."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from cluster.sample_run import enrol_samples
from samples.frames import FRAMES
from tests.conftest import eventually
from tests.integration.conftest import RunningCluster

DOORS = 2


@contextmanager
def doors(cluster: RunningCluster, frames: dict[str, bytes]) -> Iterator[Counter[str]]:
    """Frames with known answers, all the time; every answer is counted by its release, or as what is wrong with it."""
    seen: Counter[str] = Counter()
    ended = threading.Event()

    def post(door: int) -> None:
        with cluster.client() as api:
            for frame in itertools.takewhile(lambda _: not ended.is_set(), itertools.cycle(FRAMES)):
                headers = {"X-Camera-Id": f"door-{door}", "Idempotency-Key": str(uuid.uuid4())}
                try:
                    answer = api.post("/api/v1/frames", content=frames[frame.name], headers=headers)
                except httpx.HTTPError as error:
                    seen[f"failed: {error}"] += 1
                    continue
                right = answer.status_code == 200 and answer.json()["verdict"] == frame.verdict
                seen[answer.json()["release"] if right else f"failed: {frame.name} {answer.text}"] += 1
                ended.wait(0.1)

    threads = [threading.Thread(target=post, args=(door,)) for door in range(DOORS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def command(cluster: RunningCluster, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"DOORBELL_DATA": str(cluster.data), "DOORBELL_API_KEY": cluster.key}
    places = ["--url", cluster.url, "--dashboard", f"http://127.0.0.1:{cluster.ports.dashboard}"]
    line = [sys.executable, "-m", "cluster.cli.main", "release", *arguments, *places]
    return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def done(cluster: RunningCluster, *arguments: str) -> tuple[int, str, str]:
    process = command(cluster, *arguments)
    said, complaint = process.communicate(timeout=120)
    return process.returncode, said, complaint


def status(cluster: RunningCluster) -> dict[str, Any]:
    return json.loads(done(cluster, "status", "--json")[1])


def pack(cluster: RunningCluster, *arguments: str) -> None:
    packed = cluster.doorbell("release", "pack", *arguments)
    assert packed.returncode == 0, packed.stderr


@pytest.fixture(scope="module")
def home(cluster: RunningCluster) -> RunningCluster:
    enrol_samples(cluster.url, cluster.key)
    return cluster


def test_another_embedder_takes_over_and_gives_back_without_a_lost_request(
    home: RunningCluster, frames: dict[str, bytes]
) -> None:
    pack(home, "sface-1", "--recipe", "yunet-sface")
    with doors(home, frames) as seen:
        returned, said, complaint = done(home, "deploy", "sface-1", "--bake", "3", "--slower", "50")
        assert returned == 0, complaint + said
        eventually(lambda: seen["sface-1"] > 10)
        returned, said, complaint = done(home, "rollback", "--json")
        assert returned == 0, complaint
        assert json.loads(said)["release"] == "yunet-dlib-1"
        before = seen["yunet-dlib-1"]
        eventually(lambda: seen["yunet-dlib-1"] > before + 10)
    assert set(seen) == {"sface-1", "yunet-dlib-1"}
    found = status(home)
    assert found["step"] == "idle"
    assert [(row["release"], row["step"]) for row in found["history"]][:2] == [
        ("yunet-dlib-1", "completed"),
        ("sface-1", "completed"),
    ]


def test_the_live_release_and_a_damaged_one_are_one_line(home: RunningCluster) -> None:
    returned, _, complaint = done(home, "deploy", "yunet-dlib-1")
    assert (returned, complaint) == (2, "doorbell: yunet-dlib-1 is live already\n")
    pack(home, "flipped", "--recipe", "yunet-dlib")
    folder = home.data / "releases" / "flipped"
    weights = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.chmod(0o600)
    weights.write_bytes(content)
    returned, _, complaint = done(home, "deploy", "flipped")
    assert returned == 1
    assert weights.name in complaint
    assert [colour["release"] for colour in status(home)["colours"]] == ["yunet-dlib-1", "sface-1"]
    shutil.rmtree(folder)


def test_a_killed_controller_is_gone_on_from_and_wrong_answers_get_no_traffic(
    home: RunningCluster, frames: dict[str, bytes]
) -> None:
    pack(home, "forgetful", "--from", "yunet-dlib-1", "--threshold", "0.05")
    with doors(home, frames) as seen:
        first = command(home, "deploy", "forgetful", "--json")
        assert first.stdout is not None
        steps = (json.loads(line)["step"] for line in first.stdout)
        assert "validating" in steps
        first.send_signal(signal.SIGKILL)
        first.communicate()
        assert status(home)["step"] == "validating"
        returned, _, complaint = done(home, "resume")
        assert returned == 1
        assert "golden frames were answered as expected" in complaint
    assert set(seen) == {"yunet-dlib-1"}
    found = status(home)
    assert [colour["release"] for colour in found["colours"]] == ["yunet-dlib-1"]
    assert found["history"][0]["step"] == "failed"
