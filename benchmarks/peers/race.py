"""The peers of `doorbell bench service`, each started, checked, measured and ended in turn."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from benchmarks.child import MeasurementFailed, child, end
from benchmarks.peers.known import cores
from benchmarks.run import Run, Target, frames, run
from cluster.preflight import free_port
from cluster.supervisor import end_descendants
from samples.frames import FRAMES, RESIDENT

START_SECONDS = 120.0
STARTED = "Application startup complete."
"""What each worker of uvicorn's says when it is."""

LONGER = 3
"""Times the seconds of our runs: they answer fewer frames, and those under way at either end should weigh little."""

BOUNDARY = "doorbell-bench"
KNOWN_FRAME = next(number for number, frame in enumerate(FRAMES) if frame.name == "resident-other-photo")
"""A photograph of the resident that is not the enrolled one."""

Variables = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Peer:
    """A name, and what starts it: given the environment, a context with where and what to post."""

    name: str
    start: Callable[[Variables], AbstractContextManager[Target]]


@dataclass(frozen=True, slots=True)
class PeerResult:
    """A peer's run. `ratio` is ours divided by theirs in frames per CPU second."""

    name: str
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_seconds_per_frame: float
    frames_per_cpu_second: float
    ratio: float
    run: dict[str, Any]


def peers() -> tuple[Peer, ...]:
    """What a user would write, from the plainest on."""
    return (
        Peer("FastAPI + uvicorn + face_recognition", fastapi),
        Peer("Ray Serve + face_recognition", partial(plain_serve, "face_recognition")),
        Peer("Ray Serve + our engine", partial(plain_serve, "ours")),
    )


def race(ours: Run, seconds: float, environment: Variables, say: Callable[[str], None]) -> list[PeerResult]:
    """Every peer with as many cameras as our run had. Raises MeasurementFailed; leaves no process below this one."""
    results = []
    for peer in peers():
        say(f"measuring {peer.name} …")
        try:
            with peer.start(_without_ray(environment)) as target:
                check(peer.name, target)
                results.append(result(peer.name, ours, run(target, ours.cameras, seconds * LONGER)))
        finally:
            end_descendants()
    return results


def result(name: str, ours: Run, theirs: Run) -> PeerResult:
    """The figures side by side. Raises MeasurementFailed when theirs are of a service that did not hold."""
    if theirs.errors:
        raise MeasurementFailed(f"{name} gave other answers than it should: {theirs.statuses}")
    return PeerResult(
        name=name,
        requests_per_second=theirs.requests_per_second,
        p50_ms=theirs.p50_ms,
        p99_ms=theirs.p99_ms,
        cpu_seconds_per_frame=theirs.cpu_seconds_per_frame,
        frames_per_cpu_second=round(1 / theirs.cpu_seconds_per_frame, 3),
        ratio=round(theirs.cpu_seconds_per_frame / ours.cpu_seconds_per_frame, 2),
        run=asdict(theirs),
    )


def check(name: str, target: Target) -> None:
    """The resident on a known frame is called by name. Raises MeasurementFailed."""
    try:
        answer = httpx.post(
            target.url, content=target.bodies[KNOWN_FRAME], headers=dict(target.headers), timeout=START_SECONDS
        )
        named = answer.raise_for_status().json()["names"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise MeasurementFailed(f"{name} does not answer: {error}") from None
    if named != [RESIDENT]:
        raise MeasurementFailed(f"{name} takes {RESIDENT} on {FRAMES[KNOWN_FRAME].name} for {named}")


@contextlib.contextmanager
def fastapi(environment: Variables) -> Iterator[Target]:
    """FastAPI behind uvicorn, one worker for each core. Raises MeasurementFailed."""
    port = free_port()
    place = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(cores())]
    # A worker whose threads all compute answers its parent late, and would be ended for it.
    patience = ["--timeout-worker-healthcheck", str(int(START_SECONDS))]
    command = [sys.executable, "-m", "uvicorn", "--factory", "benchmarks.peers.fastapi_app:application"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(  # noqa: S603 our own module
            [*command, *place, *patience, "--no-access-log"],
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
            text=True,
        )
        try:
            _wait_for_workers(process, lambda: Path(f"/dev/fd/{log.fileno()}").read_text(), cores())
            headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
            bodies = [multipart(frame) for frame in frames()]
            yield Target(f"http://127.0.0.1:{port}/recognize", headers, bodies, process.pid)
        finally:
            end(process)


def _wait_for_workers(process: subprocess.Popen[str], said: Callable[[], str], count: int) -> None:
    """All of them: one that starts late would find every connection taken."""
    deadline = time.monotonic() + START_SECONDS
    while said().count(STARTED) < count:
        if process.poll() is not None or time.monotonic() > deadline:
            last = (said().splitlines() or ["it said nothing"])[-1]
            raise MeasurementFailed(f"uvicorn did not start: {last}")
        time.sleep(0.1)


def multipart(frame: bytes) -> bytes:
    """A form with one file, as a browser or `curl -F` sends it."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="frame.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + frame + f"\r\n--{BOUNDARY}--\r\n".encode()


@contextlib.contextmanager
def plain_serve(engine: str, environment: Variables) -> Iterator[Target]:
    """Ray Serve in a Ray of its own. Raises MeasurementFailed."""
    port = free_port()
    temp = Path(tempfile.mkdtemp(prefix="db-", dir="/tmp"))  # a socket's path has to be short
    (temp / "token").write_text(secrets.token_hex(32))
    isolation = {
        "DOORBELL_LOOPBACK_ONLY": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(temp / "token"),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # listen on loopback, as our own Ray is told to
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    arguments = [engine, str(port), str(temp / "r")]
    try:
        with child("benchmarks.peers.plain_serve", arguments, {**environment, **isolation}, quiet=True) as ray:
            ray.hear()
            headers = {"Content-Type": "image/jpeg"}
            yield Target(f"http://127.0.0.1:{port}/", headers, frames(), ray.process.pid)
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def _without_ray(environment: Variables) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("RAY_")}
