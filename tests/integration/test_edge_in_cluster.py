"""A box from its enrolment on, before a real cluster: cameras, heartbeats, a key that is revoked and renewed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import pytest

from samples.frames import PHOTOS
from tests.conftest import eventually, free_ports

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


@pytest.fixture
def stream() -> Iterator[str]:
    """The address of a network camera that shows the resident."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "tests.rtsp_server", "--port", str(port), str(PHOTOS / "resident-1.jpg")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline()
        yield f"rtsp://127.0.0.1:{port}/stream"
        server.kill()


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


def test_a_network_camera_from_a_real_server_is_recognized(household, tmp_path: Path, stream: str) -> None:
    camera = {"id": "rtsp-door", "driver": "rtsp", "source": stream, "transport": "udp"}
    box = Box(household, tmp_path, camera)
    box.enrol()
    with running(box.config, box.log):
        assert eventually(lambda: logged(box.log, "camera.well"))
        event = eventually(lambda: box.event(frame)) if (frame := box.press()) else None

    assert event["verdict"] == "known"
    assert [face["person"]["name"] for face in event["faces"]] == ["Resident"]
    # The trace that began at the trigger goes on in the cluster.
    assert event["trace_id"] == frame.replace("-", "")


def test_a_revoked_box_loses_nothing_and_goes_on_with_a_new_key(household, tmp_path: Path, video: Path) -> None:
    box = Box(household, tmp_path, {"id": "porch-door", "driver": "video", "source": str(video), "loop": True})
    first = box.enrol()
    assert box.key.stat().st_mode & 0o077 == 0
    with running(box.config, box.log):
        assert eventually(lambda: logged(box.log, "camera.well"))
        seen = eventually(lambda: box.device(first)["state"] == "well" and box.device(first))
        assert eventually(lambda frame=box.press(): box.event(frame))

        household.doorbell("devices", "revoke", first)
        time.sleep(1.0)
        kept = box.press()
        assert eventually(lambda: logged(box.log, "frame.waiting"))[0]["level"] == "error"
        waiting = list(box.spool.glob("*.frame"))
        second = box.enrol("--replace")
    # A refused key is asked again once a minute; a start does not wait for that.
    with running(box.config, box.log):
        event = eventually(lambda: box.event(kept))

    assert seen["cameras"] == [{"id": "porch-door", "state": "well"}]
    assert seen["version"]
    assert seen["spool"]["frames"] == 0
    assert [kept in file.name for file in waiting] == [True]
    assert event["verdict"] == "known"
    assert (box.device(first)["state"], second != first) == ("revoked", True)


def test_the_check_tells_what_works_and_what_does_not(household, tmp_path: Path, video: Path) -> None:
    box = Box(household, tmp_path, {"id": "check-door", "driver": "video", "source": str(video), "loop": True})
    box.enrol()
    well = edge("check", "--config", box.config, "--json")
    box.key.write_text("db_000000000000_" + "A" * 43)
    video.unlink()
    bad = edge("check", "--config", box.config)

    found = {line["part"]: line["state"] for line in map(json.loads, well.stdout.splitlines())}
    assert (well.returncode, well.stderr) == (0, "")
    assert {"key", "cluster", "clock", "spool", "camera check-door"} <= found.keys()
    assert set(found.values()) <= {"ok", "look"}
    assert bad.returncode == 1
    assert "! key" in bad.stdout
    assert "-> enrol this box" in bad.stdout
    assert "! camera check-door" in bad.stdout
