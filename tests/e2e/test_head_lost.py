"""A head node that is lost: with its state in Redis a new one finds the applications, and nobody deploys them again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from cluster.preflight import free_port
from tests.conftest import free_ports, missing
from tests.e2e.test_runbooks import RUNBOOKS, blocks

DEPLOYING = """
import sys, ray
from ray import serve

@serve.deployment(ray_actor_options={"num_cpus": 0.1})
class Echo:
    def __call__(self):
        return "here"

ray.init(address=sys.argv[1], log_to_driver=False)
serve.start(http_options={"location": "NoServer"})
print(serve.run(Echo.bind(), name="echo", route_prefix=None).remote().result(timeout_s=30))
"""
ASKING = """
import sys, time, ray
from ray import serve

ray.init(address=sys.argv[1], log_to_driver=False)
for _ in range(200):
    found = serve.status().applications
    if "echo" in found and found["echo"].status == "RUNNING":
        break
    time.sleep(0.2)
print(serve.get_app_handle("echo").remote().result(timeout_s=30))
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


def asked(program: str, address: str, environment: dict[str, str]) -> str:
    """What a driver's program prints; tried again while the head is coming up."""
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-c", program, address], env=environment, capture_output=True, text=True, timeout=90
        )
        if done.returncode == 0:
            return done.stdout.strip()
    raise AssertionError(done.stderr)


def test_a_new_head_finds_the_applications_of_the_lost_one_in_redis(redis: str, tmp_path: Path) -> None:
    port = str(next(found for found in iter(free_port, None) if found >= 20_000))  # Ray's workers have those below
    with tempfile.TemporaryDirectory(prefix="db-", dir="/tmp") as temp:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = os.environ | {"REDIS": redis, "RAY_PORT": port, "TEMP": temp, "PATH": programs}
        environment |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
        start, log = blocks(RUNBOOKS / "head-lost.md")[0], tmp_path / "log"
        with head(start, environment, log):
            assert asked(DEPLOYING, f"127.0.0.1:{port}", environment) == "here"
        with head(start, environment, log):
            assert asked(ASKING, f"127.0.0.1:{port}", environment) == "here"
