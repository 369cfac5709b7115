"""A box before a real cluster: its files, its enrolment, its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import pytest

from samples.frames import PHOTOS
from tests.conftest import free_ports

ROOT = Path(__file__).parents[2]


def edge(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge.cli", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "DOORBELL_EDGE_KEY"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


@contextmanager
def running(config: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "edge.cli", "run", "--config", str(config), "--json"]
    with log.open("w") as lines, subprocess.Popen(command, cwd=ROOT, stderr=lines, text=True) as agent:
        try:
            yield agent
        finally:
            agent.terminate()


def logged(log: Path, event: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n"))
    return [line for line in lines if line["event"] == event]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "porch.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter.fourcc(*"MJPG"), 10, (640, 480))
    for _ in range(10):
        writer.write(cv2.resize(cv2.imread(str(PHOTOS / "resident-2.jpg")), (640, 480)))
    writer.release()
    return path


class Box:
    """The files of a box; it is enrolled by a code like any other."""

    def __init__(self, household, folder: Path, camera: dict[str, Any]) -> None:
        self._cluster, self.key, self.log = household, folder / "key", folder / "log"
        self.spool, self.config, self.camera = folder / "spool", folder / "edge.yaml", camera["id"]
        (self.port,) = free_ports(1)
        settings = {
            "gateway": {"url": household.url, "key_file": str(self.key), "first_retry_s": 0.1},
            "cameras": [camera],
            "triggers": [{"driver": "http", "port": self.port}],
            "spool": {"folder": str(self.spool)},
            "health": {"heartbeat_s": 1},
        }
        self.config.write_text(json.dumps(settings))

    def enrol(self, *options: str) -> str:
        made = json.loads(self._cluster.doorbell("devices", "enroll", f"box {self.camera}", "--json").stdout)
        gateway = ["--gateway", self._cluster.url, "--code", made["code"], "--key-file", self.key]
        done = edge("enroll", *gateway, *options)
        assert done.returncode == 0, done.stderr
        return next(each["id"] for each in reversed(self.listed()) if each["name"] == f"box {self.camera}")

    def listed(self) -> list[dict[str, Any]]:
        listed = json.loads(self._cluster.doorbell("devices", "list", "--json").stdout)
        return [each for each in listed if each["name"] == f"box {self.camera}"]

    def device(self, device_id: str) -> dict[str, Any]:
        return next(each for each in self.listed() if each["id"] == device_id)

    def press(self) -> str:
        answer = httpx.post(f"http://127.0.0.1:{self.port}/trigger", timeout=20)
        answer.raise_for_status()
        return answer.json()["frames"][0]["frame_id"]

    def event(self, frame_id: str) -> dict[str, Any] | None:
        with self._cluster.client() as api:
            page = api.get("/api/v1/events", params={"camera": self.camera}).json()
        return next((event for event in page["events"] if event["frame_id"] == frame_id), None)
