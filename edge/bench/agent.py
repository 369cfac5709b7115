"""`doorbell-edge bench`: what this box does, measured on the agent as it runs."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from edge.bench.loopback import Loopback
from edge.bench.video import write_still_video, write_walking_video
from edge.camera import Frame
from edge.errors import SettingsInvalid, Unusable
from edge.spool.queue import Spool

FRAME_BYTES = 60_000
"""A 1280x720 frame at the quality that we send."""
_ROUNDS = 3
_START_S = 30.0
_CAMERA = "bench"


def measured(folder: Path | None, seconds: float, tell: Callable[[str], object]) -> dict[str, Any]:
    """Return all figures; `tell` hears what is going on. `folder` decides which disk is measured. Raises Unusable."""
    if folder is not None and not folder.is_dir():
        raise SettingsInvalid(f"{folder} is no folder", "name one on the disk to measure")
    try:
        with tempfile.TemporaryDirectory(prefix="doorbell-bench-", dir=folder) as temporary:
            place = Path(temporary)
            figures: dict[str, Any] = {}
            for part in (disk, latency, idle):
                tell(f"measuring {part.__name__}, about {seconds:.0f} s …")
                figures |= part(place, seconds)
    except OSError as error:
        where = folder or tempfile.gettempdir()
        raise BenchFailed(f"cannot measure in {where}: {error}", "name a writable folder with room left") from error
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "system": platform.platform()}
    return figures | {"frame_bytes": FRAME_BYTES, "machine": machine, "date": datetime.now(UTC).isoformat()}


def printed_bench(figures: dict[str, Any], *, as_json: bool) -> int:
    """Print the figures; return 0."""
    if as_json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:<32} {value}" for name, value in figures.items()))
    return 0


def disk(place: Path, seconds: float) -> dict[str, float]:
    """Frames a second into the spool, beside what the disk itself can do: append as many bytes to one file, sync."""
    share_s = seconds / (2 * _ROUNDS)
    ours, limits = [], []
    image = os.urandom(FRAME_BYTES)
    with Spool(place / "spool") as spool, (place / "limit").open("wb") as file:
        for _ in range(_ROUNDS):
            limits.append(_per_second(lambda: _append(file.fileno(), image), share_s))
            ours.append(_per_second(lambda: spool.take(_frame(image), time.monotonic()), share_s))
    return {
        "spool_frames_per_second": round(statistics.median(ours), 1),
        "disk_frames_per_second": round(statistics.median(limits), 1),
    }


def latency(place: Path, seconds: float) -> dict[str, float]:
    """From a line on the agent's standard input to the first byte of its frame at a gateway on loopback.

    The camera is a video of 1280x720 at 15 pictures a second: the sharpest that lies in the ring is sent, so the
    camera's own time is not in it.
    """
    video = write_walking_video(place / "walking.avi")
    times: list[float] = []
    with Loopback() as gateway, _agent(place / "latency", video, gateway.url, _TYPED) as agent:
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s or len(times) < 10:
            pressed_s = _press(agent)
            times.append((gateway.next_arrival(_START_S) - pressed_s) * 1000)
            # A visitor does not press in step with the camera.
            time.sleep(0.2 + (len(times) % 7) / 97)
    times = times[2:]
    ordered = sorted(times)
    return {
        "trigger_to_send_ms_p50": round(statistics.median(times), 2),
        "trigger_to_send_ms_p95": round(ordered[int(len(ordered) * 0.95)], 2),
        "triggers": len(times),
    }


def idle(place: Path, seconds: float) -> dict[str, float]:
    """Memory and processor time of an agent that watches for motion five times a second where nothing moves."""
    video = write_still_video(place / "still.avi")
    with Loopback() as gateway, _agent(place / "idle", video, gateway.url, _WATCHING) as agent:
        process = psutil.Process(agent.pid)
        time.sleep(min(3.0, seconds))
        before, began_s = _cpu_s(process), time.monotonic()
        time.sleep(seconds)
        used = (_cpu_s(process) - before) / (time.monotonic() - began_s)
        # A frame first: what a box holds after it has worked is what counts.
        _press(agent)
        gateway.next_arrival(_START_S)
        resident = process.memory_info().rss
    return {"resident_mb": round(resident / 1e6, 1), "idle_cpu_percent": round(used * 100, 2)}


_TYPED: list[dict[str, Any]] = [{"driver": "stdin"}]
_WATCHING: list[dict[str, Any]] = [{"driver": "motion", "looks_per_second": 5}, {"driver": "stdin"}]


@contextmanager
def _agent(place: Path, video: Path, url: str, triggers: list[dict[str, Any]]) -> Iterator[subprocess.Popen[str]]:
    place.mkdir()
    settings = {
        "gateway": {"url": url},
        "cameras": [{"id": _CAMERA, "driver": "video", "source": str(video), "loop": True}],
        "triggers": triggers,
        "spool": {"folder": str(place / "spool")},
        "health": {"heartbeat_s": None},
    }
    config = place / "edge.yaml"
    config.write_text(json.dumps(settings))  # JSON is YAML
    command = [sys.executable, "-m", "edge.cli", "run", "--config", str(config), "--json"]
    environment = os.environ | {"DOORBELL_EDGE_KEY": "bench"}
    log = (place / "log").open("w")
    with log, subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log, text=True, env=environment) as agent:
        try:
            _wait_for_camera(agent, place / "log")
            yield agent
        finally:
            agent.terminate()
            agent.wait()


def _wait_for_camera(agent: subprocess.Popen[str], log: Path) -> None:
    ends_s = time.monotonic() + _START_S
    while "camera.well" not in log.read_text():
        if agent.poll() is not None or time.monotonic() > ends_s:
            lines = log.read_text().splitlines() or ["it said nothing"]
            raise BenchFailed(f"the agent did not start: {lines[-1]}", "see doorbell-edge check")
        time.sleep(0.05)


class BenchFailed(Unusable):
    """There is nothing to measure."""


def _press(agent: subprocess.Popen[str]) -> float:
    assert agent.stdin is not None
    pressed_s = time.monotonic()
    agent.stdin.write("\n")
    agent.stdin.flush()
    return pressed_s


def _per_second(action: Callable[[], object], seconds: float) -> float:
    began_s, count = time.monotonic(), 0
    while (passed_s := time.monotonic() - began_s) < seconds:
        action()
        count += 1
    return count / passed_s


def _append(file: int, data: bytes) -> None:
    os.write(file, data)
    os.fsync(file)


def _frame(image: bytes) -> Frame:
    return Frame(str(uuid.uuid4()), _CAMERA, datetime.now(UTC), "manual", image, "image/jpeg")


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
