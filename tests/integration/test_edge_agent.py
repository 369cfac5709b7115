"""A real agent process before a real HTTP server that fails at random, killed at random."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread

import pytest

Gateways = Callable[..., "Gateway"]

ROOT = Path(__file__).parents[2]
IMAGES = 40


class Gateway(ThreadingHTTPServer):
    """Keeps frames as the contract says, and in between fails in all the ways a door will meet."""

    daemon_threads = True

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.frames, self.conflicts, self.keys = {}, [], set()
        self._lock = Lock()
        self._chance = random.Random(seed) if seed is not None else None
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def mood(self) -> str:
        if self._chance is None:
            return "well"
        with self._lock:
            return self._chance.choices(["well", "busy", "page", "cut", "lost answer"], [6, 1, 1, 1, 1])[0]

    def keep(self, frame_id: str, image: bytes) -> None:
        with self._lock:
            kept = self.frames.setdefault(frame_id, sha256(image).hexdigest())
            if kept != sha256(image).hexdigest():
                self.conflicts.append(frame_id)


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer(200, {"status": "alive"})

    def do_POST(self) -> None:
        image = self.rfile.read(length := int(self.headers["Content-Length"]))
        if len(image) < length:
            # The agent was killed while it sent; no server takes such a body for a frame.
            self.close_connection = True
            return
        frame_id = self.headers["Idempotency-Key"]
        self.server.keys.add(self.headers["X-API-Key"])
        mood = self.server.mood()
        if mood in ("well", "lost answer"):
            self.server.keep(frame_id, image)
        if mood in ("cut", "lost answer"):
            self.close_connection = True
        elif mood == "page":
            self._answer(200, "<html>sign in</html>")
        elif mood == "busy":
            self._answer(503, {"title": "busy"})
        else:
            self._answer(200, {"id": f"event of {frame_id}", "frame_id": frame_id, "verdict": "no_face", "faces": []})

    def _answer(self, status: int, body: object) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[Gateways]:
    servers = []

    def start(seed: int | None = None) -> Gateway:
        servers.append(Gateway(seed))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(IMAGES):
        (folder / f"{number:03d}.jpg").write_bytes(random.Random(number).randbytes(20_000))
    return folder


class Box:
    """A box in a folder; each `start` is a new process on the same spool."""

    def __init__(self, folder: Path, images: Path, url: str) -> None:
        self.spool, self._config = folder / "spool", folder / "edge.yaml"
        self._config.write_text(
            f"gateway: {{url: '{url}', timeout_s: 5, first_retry_s: 0.005, longest_retry_s: 0.02}}\n"
            f"cameras: [{{id: door, driver: replay, folder: '{images}', interval_s: 0.01}}]\n"
            "health: {heartbeat_s: null}\n"
            f"spool: {{folder: '{self.spool}'}}\n"
        )

    def start(self) -> subprocess.Popen[str]:
        return started("run", "--config", str(self._config), "--json")

    def is_locked_by(self, process: subprocess.Popen[str]) -> bool:
        assert process.poll() is None
        held = []
        for each in Path(f"/proc/{process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                held.append(each.readlink())
        return self.spool / ".lock" in held

    def waiting(self) -> set[str]:
        return {file.name[13:-6] for file in self.spool.glob("*.frame")}


def started(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "edge.cli", *arguments]
    environment = os.environ | {"DOORBELL_EDGE_KEY": "secret-key"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


def taken(lines: Iterable[str]) -> dict[str, str]:
    """Return id -> label of the frames that the log announces as taken; a last line cut by a kill does not count."""
    whole = [json.loads(line) for line in lines if line.endswith("\n")]
    return {line["frame_id"]: line["label"] for line in whole if line["event"] == "frame.taken"}


def killed_after(process: subprocess.Popen[str], frames: int, pause_s: float) -> dict[str, str]:
    """Kill the process a moment after so many announced frames; return all that it announced until it died."""
    lines = []
    for line in process.stderr:
        lines.append(line)
        if len(taken(lines)) == frames:
            time.sleep(pause_s)
            process.kill()
    process.wait()
    return taken(lines)


def test_every_frame_announced_as_taken_arrives_whole_whatever_is_killed(
    tmp_path: Path, images: Path, gateway: Gateways
) -> None:
    server, chance = gateway(seed=7), random.Random(7)
    box, announced = Box(tmp_path, images, server.url), {}
    for _ in range(4):
        announced |= killed_after(box.start(), chance.randrange(1, IMAGES - 5), chance.uniform(0, 0.02))
    last = box.start()
    announced |= taken(last.communicate()[1].splitlines(keepends=True))

    assert last.returncode == 0
    assert len(announced) > IMAGES
    assert announced.keys() <= server.frames.keys()
    for frame_id, label in announced.items():
        assert server.frames[frame_id] == sha256((images / label).read_bytes()).hexdigest()
    assert server.conflicts == []
    assert box.waiting() == set()


def test_a_box_killed_while_it_starts_on_a_full_spool_loses_nothing(
    tmp_path: Path, images: Path, gateway: Gateways
) -> None:
    server, chance = gateway(seed=5), random.Random(5)
    box = Box(tmp_path, images, server.url)
    announced = killed_after(box.start(), 20, 0.0)
    for _ in range(8):
        process = box.start()
        # From when it locks the spool it reads what waits, cuts off what is torn, and sends.
        while not box.is_locked_by(process):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.05))
        process.kill()
        announced |= taken(process.communicate()[1].splitlines(keepends=True))
    last = box.start()
    announced |= taken(last.communicate()[1].splitlines(keepends=True))

    assert last.returncode == 0
    assert announced.keys() <= server.frames.keys()
    assert box.waiting() == set()
    assert not list(box.spool.glob("damaged/*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_agent_cleanly_with_every_frame_in_the_spool(
    tmp_path: Path, images: Path, number: int
) -> None:
    box = Box(tmp_path, images, "http://127.0.0.1:1")
    process, lines = box.start(), []
    for line in process.stderr:
        lines.append(line)
        # Once only: a second signal kills, and other lines follow the fifth announcement.
        if len(taken(lines)) == 5 and "frame.taken" in line:
            process.send_signal(number)

    assert process.wait() == 0
    assert box.waiting() == taken(lines).keys()


def test_a_replay_prints_one_answer_for_each_image_and_ends_with_status_0(images: Path, gateway: Gateways) -> None:
    server = gateway()
    replay = started("replay", str(images), "--gateway", server.url, "--camera", "door", "--json")
    out, err = replay.communicate()

    lines = [json.loads(line) for line in out.splitlines()]
    assert (replay.returncode, err) == (0, "")
    assert [line["frame"] for line in lines] == sorted(file.name for file in images.iterdir())
    assert len({line["event"]["id"] for line in lines}) == len({line["event"]["frame_id"] for line in lines}) == IMAGES
    assert all(line["milliseconds"] > 0 for line in lines)
    assert server.keys == {"secret-key"}


def test_a_replay_before_a_dead_gateway_keeps_the_frames_for_the_next_one(
    tmp_path: Path, images: Path, gateway: Gateways
) -> None:
    dead, alive = "http://127.0.0.1:1", gateway()
    options = ("--camera", "door", "--spool", str(tmp_path / "spool"), "--interval", "0", "--json")
    first = started("replay", str(images), "--gateway", dead, "--timeout", "0.3", *options)
    problems = [json.loads(line) for line in first.communicate()[0].splitlines()]
    kept = len(list((tmp_path / "spool").glob("*.frame")))
    second = started("replay", str(images), "--gateway", alive.url, *options)
    out, _ = second.communicate()

    assert first.returncode == 1
    assert [line["frame"] for line in problems if "problem" in line] == sorted(file.name for file in images.iterdir())
    assert kept > 0
    assert second.returncode == 0
    assert len(out.splitlines()) == len(alive.frames) == kept + IMAGES
