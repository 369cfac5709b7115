"""Agents killed with SIGKILL at random moments, behind a network that fails at random, before a real cluster."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from samples.frames import PHOTOS
from tests.conftest import free_ports
from tests.lossy_network import LossyNetwork

KILLS = 200
CAMERA = "kill-door"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A person and a garden, small, so that two hundred lives of a box do not take all day."""
    path, size = tmp_path / "door.avi", (320, 240)
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter.fourcc(*"MJPG"), 30, size)
    person = cv2.resize(cv2.imread(str(PHOTOS / "resident-1.jpg")), size)
    noise = np.random.default_rng(3)
    for _ in range(30):
        writer.write(np.clip(person + noise.normal(0, 3, person.shape), 0, 255).astype(np.uint8))
    writer.release()
    return path


class Box:
    """A box that is started again and again on the same spool."""

    def __init__(self, folder: Path, video: Path, url: str) -> None:
        (self.port,) = free_ports(1)
        self.spool, self.log, self._config = folder / "spool", folder / "log", folder / "edge.yaml"
        settings = {
            "gateway": {"url": url, "timeout_s": 3, "first_retry_s": 0.01, "longest_retry_s": 0.05},
            "cameras": [{"id": CAMERA, "driver": "video", "source": str(video), "loop": True}],
            "triggers": [{"driver": "http", "port": self.port}],
            "spool": {"folder": str(self.spool)},
            "health": {"heartbeat_s": None},
        }
        self._config.write_text(json.dumps(settings))

    def start(self, zygote: subprocess.Popen[str]) -> int:
        zygote.stdin.write(f"{self._config} {self.log}\n")
        zygote.stdin.flush()
        return int(zygote.stdout.readline())

    def press(self) -> list[str] | None:
        """The ids of the frames that this press is acknowledged with; None when there is no answer."""
        try:
            answer = httpx.post(f"http://127.0.0.1:{self.port}/trigger", timeout=15)
        except httpx.TransportError:
            return None
        return [frame["frame_id"] for frame in answer.json()["frames"]] if answer.status_code == 200 else []


@pytest.fixture
def zygote(household) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"DOORBELL_EDGE_KEY": household.key, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "tests" / "zygote.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.stdin.close()


def life(box: Box, zygote: subprocess.Popen[str], chance: random.Random) -> list[str]:
    """One life of the box: pressed again and again, killed at a random moment; what it had acknowledged."""
    agent, acknowledged = box.start(zygote), []
    answered = threading.Event()

    def kill() -> None:
        answered.wait(30)
        time.sleep(chance.uniform(0, 0.15))
        os.kill(agent, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    while killer.is_alive():
        frames = box.press()
        if frames is None:
            time.sleep(0.005)  # not up yet, or dead
            continue
        acknowledged += frames
        answered.set()
    killer.join()
    return acknowledged


def events_of(household) -> list[str]:
    """The frame ids of all events of the camera."""
    found, cursor = [], None
    with household.client() as api:
        while True:
            page = api.get(
                "/api/v1/events", params={"camera": CAMERA, "limit": 100, **({"cursor": cursor} if cursor else {})}
            )
            page.raise_for_status()
            found += [event["frame_id"] for event in page.json()["events"]]
            if (cursor := page.json()["next_cursor"]) is None:
                return found


def test_every_acknowledged_trigger_is_exactly_one_event_after_two_hundred_kills(
    household, zygote: subprocess.Popen[str], tmp_path: Path, video: Path
) -> None:
    chance, acknowledged = random.Random(11), []
    with LossyNetwork(household.ports.http, seed=11) as network:
        box = Box(tmp_path, video, network.url)
        for _ in range(KILLS):
            acknowledged += life(box, zygote, chance)
        network.healed = True
        last = box.start(zygote)
        ends = time.monotonic() + 120
        while list(box.spool.glob("*.frame")) and time.monotonic() < ends:
            time.sleep(0.2)
        os.kill(last, signal.SIGTERM)
        waiting = [file.name for file in box.spool.glob("*.frame")]

    events = Counter(events_of(household))
    assert waiting == []
    assert network.faults > KILLS / 4
    assert len(acknowledged) == len(set(acknowledged)) >= KILLS
    assert [frame for frame in acknowledged if events[frame] != 1] == []
    assert max(events.values()) == 1
    # A frame whose box was killed between the disk and the answer is there as well: one for each kill at the most.
    assert len(events.keys() - set(acknowledged)) <= KILLS
    assert not list(box.spool.glob("refused/*.frame"))
    assert not list(box.spool.glob("damaged/*.frame"))
