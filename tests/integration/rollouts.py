"""Doors that post, and rollouts by the commands that a person uses."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from samples.frames import FRAMES
from tests.integration.conftest import FAULTY, RunningCluster

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
    environment["DOORBELL_RELEASE_ENGINES"] = ",".join(FAULTY)
    places = ["--url", cluster.url, "--dashboard", f"http://127.0.0.1:{cluster.ports.dashboard}"]
    line = [sys.executable, "-m", "cluster.cli.main", "release", *arguments, *places]
    return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def done(cluster: RunningCluster, *arguments: str) -> tuple[int, str, str]:
    process = command(cluster, *arguments)
    said, complaint = process.communicate(timeout=300)
    return process.returncode, said, complaint


def status(cluster: RunningCluster) -> dict[str, Any]:
    return json.loads(done(cluster, "status", "--json")[1])


def pack(cluster: RunningCluster, *arguments: str) -> None:
    packed = cluster.doorbell("release", "pack", *arguments)
    assert packed.returncode == 0, packed.stderr
