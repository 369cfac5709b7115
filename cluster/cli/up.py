"""`doorbell up`: a cluster on this machine, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Annotated

import typer

from cluster import supervisor
from cluster.cli.access import key_store, temporary_key
from cluster.cli.guard import guarding
from cluster.launcher import Rest, local_cluster
from cluster.preflight import Ports
from cluster.sample_run import run_samples
from cluster.security.api_keys import Scope
from cluster.security.keyring import make_master_key, master_key
from cluster.temporary import temp_path
from serve_apps.notifications.rules_file import WatchedRules
from serve_apps.settings import Settings, load

DEFAULT = Ports()
FIRST_KEY = "first key"


class _Stopped(Exception):
    """Ctrl-C or SIGTERM."""


def up(
    samples: Annotated[bool, typer.Option(help="Enrol the sample people and post the sample frames.")] = False,
    once: Annotated[bool, typer.Option(help="End after the samples; status 0 only if every verdict is right.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the API.")] = DEFAULT.http,
    dashboard_port: Annotated[int, typer.Option(min=1, max=65535, help="Of Ray's dashboard.")] = DEFAULT.dashboard,
    stats_port: Annotated[int, typer.Option(min=1, max=65535, help="Of HAProxy's statistics.")] = DEFAULT.stats,
    metrics_port: Annotated[int, typer.Option(min=1, max=65535, help="Of HAProxy's metrics.")] = DEFAULT.metrics,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> int:
    """Start Ray, Serve and the application on loopback and serve until Ctrl-C."""
    if not supervisor.inside():
        return supervisor.run_inside(["-m", "cluster.cli.main", *sys.argv[1:]])
    settings = load()
    ports = Ports(port, dashboard_port, stats_port, metrics_port)
    status = 1 if once else 0
    with stoppable():
        try:
            _show_first_key(prepare(settings), as_json)
            rest: Rest = "courier" if once else "behind"
            backed_up, build = bool(settings.backup_url), partial(build_graphs, settings)
            with local_cluster(settings.folder, ports, _say, backed_up=backed_up, rest=rest, meanwhile=build) as url:
                if samples or once:
                    scopes = frozenset({Scope.FRAMES, Scope.PEOPLE})
                    with temporary_key("samples", scopes) as key:
                        status = 0 if run_samples(url, key, settings.folder, as_json=as_json) else 1
                _addresses(url, ports, settings, as_json)
                if not once:
                    with guarding(ports):
                        _wait_for_signal()
        except _Stopped:
            print("stopping …", file=sys.stderr, flush=True)
    return status if once else 0


def migrate() -> None:
    """Bring the database that the settings name to this version; needed once before `serve deploy`."""
    settings = load()
    _show_first_key(prepare(settings), as_json=False)
    build_graphs(settings)


def prepare(settings: Settings) -> str | None:
    """Everything that must be right before a process is started; the first API key when it was made now.

    Raises the errors of what it checks, each one line.
    """
    assert settings.master_key_file is not None
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ready_for_snapshots(settings)
    make_master_key(settings.master_key_file)
    master_key(settings.master_key_file)
    WatchedRules(settings.notices_file)
    pack_default_release(settings)
    store = key_store()
    if any(key.name == FIRST_KEY for key in store.all()):
        return None
    return store.create(FIRST_KEY, frozenset({Scope.ADMIN}), datetime.now(UTC))


def build_graphs(settings: Settings) -> None:
    """Of the first release, so that no replica has to, and no weights are found to be wrong in one.

    Raises ReleaseError, WeightsError.
    """
    from serve_apps.recognition.probe import Probe
    from serve_apps.recognition.registered import DEFAULT_RELEASE, fetched_release, released_engine

    Probe(released_engine(settings, fetched_release(settings, DEFAULT_RELEASE)))


def ready_for_snapshots(settings: Settings) -> None:
    """A restore that was killed is ended, and nobody erased stays in what was left; a misnamed place is told now."""
    from backup.restore import journal

    is_left = journal.place(settings.folder).exists() or (settings.folder / "drill").exists()
    if not is_left and not settings.backup_url:
        return
    from backup.restore.left import settle
    from cluster.cli import backed_up
    from cluster.cli.backup import ready
    from cluster.cli.left import LOOK_SECONDS, gone_from_left

    if is_left:
        settle(backed_up.state(settings), LOOK_SECONDS)
        for place, reason in gone_from_left(settings):
            if reason:
                _say(f"{place}: {reason}")
    if settings.backup_url and (wrong := ready(settings)):
        _say(wrong)


def pack_default_release(settings: Settings) -> None:
    """Make a release of the installed packages' weights where the registry has none of that name.

    Raises ReleaseError, WeightsError.
    """
    from cluster.cli.registered import licences, scratch
    from cluster.cli.release_recipe import base
    from cluster.releases.pack import pack
    from cluster.releases.registry import NameTaken, registry_at
    from cluster.releases.signing import make_signing_key
    from serve_apps.recognition.registered import DEFAULT_RELEASE

    registry, key = registry_at(settings.releases_url), settings.release_signing_key_file
    assert key is not None
    assert settings.release_keys_file is not None
    if DEFAULT_RELEASE in registry.names():
        return
    make_signing_key(key, settings.release_keys_file)
    # A machine that starts at the same time may be first: its release of that name is as good.
    with base("yunet-dlib", None) as (recipe, files), scratch(settings) as folder, suppress(NameTaken):
        registry.put(pack(folder, DEFAULT_RELEASE, recipe, files, datetime.now(UTC), key, licences(settings)))


def _show_first_key(key: str | None, as_json: bool) -> None:
    if key is not None:
        print(json.dumps({"first_key": key}) if as_json else f"API key, shown this one time: {key}", flush=True)


def _addresses(url: str, ports: Ports, settings: Settings, as_json: bool) -> None:
    places = {
        "api": f"{url}/api/v1",
        "documentation": f"{url}/docs",
        "ray_dashboard": f"http://127.0.0.1:{ports.dashboard}",
        "ray_token_file": str(settings.folder / "ray_token"),
        "notices": str(settings.notices_log),
        "logs": str(temp_path(settings.folder) / "r" / "session_latest" / "logs"),
    }
    if as_json:
        print(json.dumps({"ready": places}), flush=True)
        return
    for name, place in places.items():
        print(f"{name.replace('_', ' '):<15} {place}", flush=True)


@contextmanager
def stoppable() -> Iterator[None]:
    """Let the first Ctrl-C, SIGTERM or hang-up end the cluster in order, and a second one not disturb that."""

    def stop(number: int, _: FrameType | None) -> None:
        for other in supervisor.PASSED_ON:
            signal.signal(other, signal.SIG_IGN)
        raise _Stopped(number)

    for number in supervisor.PASSED_ON:
        signal.signal(number, stop)
    yield


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _wait_for_signal() -> None:
    print("serving until Ctrl-C", file=sys.stderr, flush=True)
    while True:
        signal.pause()
