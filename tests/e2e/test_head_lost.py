"""A head node that is lost: with its state in Redis a new one finds the applications, and nobody deploys them again."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from cluster.preflight import free_port
from samples.frames import FRAMES
from tests.conftest import eventually, free_ports, missing
from tests.e2e.test_runbooks import ROOT, RUNBOOKS, blocks

DEPLOYING = """
import sys, ray
from ray import serve
from serve_apps.app import gateway, recognizer

ray.init(address=sys.argv[1], log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
serve.run(recognizer({"release": "yunet-dlib-1"}), name="recognizer-blue", route_prefix=None)
serve.run(gateway({}), name="gateway", route_prefix="/")
"""


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        missing("redis-server is not installed; on Debian: apt-get install redis-server")
    (port,) = free_ports(1)
    command = [str(program), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    yield f"127.0.0.1:{port}"
    server.kill()
    server.wait()


def end_at_once(process: subprocess.Popen) -> None:
    """As a machine that loses its power: by ids, all that it had started."""
    head = psutil.Process(process.pid)
    for each in [*head.children(recursive=True), head]:
        with suppress(psutil.Error):
            each.kill()
    process.wait()


@contextmanager
def head(commands: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen]:
    """The runbook's lines; `ray start` stays in the foreground, so that all of it hangs together."""
    with log.open("a") as opened:
        shell = ["bash", "-euo", "pipefail", "-c", commands.rstrip("\n") + ' --block --temp-dir="$TEMP"']
        process = subprocess.Popen(shell, env=environment, stdout=opened, stderr=opened, start_new_session=True)
        try:
            yield process
        finally:
            end_at_once(process)


def migrated(data: Path) -> str:
    """A data folder as the first command of a cluster makes it; its first key."""
    done = subprocess.run(
        [sys.executable, "-m", "cluster.cli.main", "migrate"],
        env=os.environ | {"DOORBELL_DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return done.stdout.split()[-1]


def deployed(address: str, port: int, environment: dict[str, str]) -> None:
    """Our applications; tried again while the head is coming up."""
    command = [sys.executable, "-c", DEPLOYING, address, str(port)]
    for _ in range(4):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=150)
        if done.returncode == 0:
            return
    raise AssertionError(done.stderr)


def answered(port: int, key: str, frame: bytes) -> dict:
    """What a door hears, as soon as there is somebody who answers."""
    headers = {"X-API-Key": key, "X-Camera-Id": "front-door", "Content-Type": "image/jpeg"}
    headers["Idempotency-Key"] = str(uuid.uuid4())
    heard = []

    def answers() -> bool:
        try:
            answer = httpx.post(f"http://127.0.0.1:{port}/api/v1/frames", content=frame, headers=headers, timeout=30)
        except httpx.HTTPError as error:
            heard.append(repr(error))
            return False
        heard.append(answer)
        return answer.status_code == 200

    assert eventually(answers, 240), f"nobody answers the door: {heard[-1]} {getattr(heard[-1], 'text', '')}"
    return heard[-1].json()


def test_a_new_head_finds_our_applications_in_redis_and_answers_doors_again(redis: str, tmp_path: Path) -> None:
    port = str(next(found for found in iter(free_port, None) if found >= 20_000))  # Ray's workers have those below
    http = free_port()
    key, frame = migrated(tmp_path / "data"), FRAMES[0].write(tmp_path, 0).read_bytes()
    with tempfile.TemporaryDirectory(prefix="db-", dir="/tmp") as temp:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = os.environ | {"REDIS": redis, "RAY_PORT": port, "TEMP": temp, "PATH": programs}
        environment |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
        environment |= {"DOORBELL_DATA": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
        # `ray start` asks for a token wherever the user's home has one, and a driver only when told so.
        environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        start, log = blocks(RUNBOOKS / "head-lost.md")[0], tmp_path / "log"
        with head(start, environment, log):
            deployed(f"127.0.0.1:{port}", http, environment)
            first = answered(http, key, frame)
        with head(start, environment, log):
            second = answered(http, key, frame)

    assert second["verdict"] == first["verdict"] == "unknown"
    assert second["id"] != first["id"]
