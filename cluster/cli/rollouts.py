"""`doorbell release deploy|canary|rollback|resume|status`."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Annotated, Any

import typer

from cluster.cli.access import DEFAULT_URL, client, database
from cluster.cli.golden import golden_folder
from cluster.cli.keys import AsJson
from cluster.cli.registered import licences, registry, trusted
from cluster.cli.release_status import row_as_json, show_status
from cluster.cli.rollout_progress import RolloutProgress
from cluster.deployment.colours import State
from cluster.deployment.control import Serve, token_of
from cluster.deployment.driver import Driver, TakenBack
from cluster.deployment.golden import GoldenSet
from cluster.deployment.history import History, RolloutError
from cluster.deployment.kept import keep, state_file
from cluster.deployment.live import LiveCluster
from cluster.deployment.rollout import Plan, Rollout, Step
from cluster.preflight import Ports
from cluster.releases.folder import open_release
from cluster.releases.manifest import ReleaseError
from cluster.security.api_keys import Scope
from serve_apps.settings import Settings, load

Name = Annotated[str, typer.Argument(metavar="NAME", help="A release, as listed.")]
Url = Annotated[str, typer.Option(envvar="DOORBELL_API_URL", help="Of the application.")]
Dashboard = Annotated[str, typer.Option(help="Of Ray's dashboard.")]
Bake = Annotated[float, typer.Option(min=0, max=86400, help="Seconds that all of the traffic is watched at the end.")]
Slower = Annotated[float, typer.Option(min=1, max=100, help="How many times as long as the live one it may take.")]
DASHBOARD = f"http://127.0.0.1:{Ports().dashboard}"
SHOWN = 10


def deploy(
    name: Name,
    bake: Bake = 60.0,
    slower: Slower = 2.0,
    url: Url = DEFAULT_URL,
    dashboard: Dashboard = DASHBOARD,
    as_json: AsJson = False,
) -> int:
    """Bring a release into the traffic: proved beside the live one, switched, watched; taken back when it is worse."""
    return _begin(name, Plan(bake_seconds=bake, slower=slower), url, dashboard, as_json)


def canary(
    name: Name,
    steps: Annotated[str, typer.Option(help="Percent of the traffic, one after the other.")] = "1,5,25,50,100",
    hold: Annotated[float, typer.Option(min=1, max=86400, help="Least seconds of each step.")] = 60.0,
    requests: Annotated[int, typer.Option(min=0, help="Least requests that it decides in each step.")] = 50,
    most: Annotated[float, typer.Option(min=1, max=86400, help="Most seconds to wait for these.")] = 3600.0,
    bake: Bake = 60.0,
    slower: Slower = 2.0,
    url: Url = DEFAULT_URL,
    dashboard: Dashboard = DASHBOARD,
    as_json: AsJson = False,
) -> int:
    """As deploy, step by step; at each step judged beside the live release, camera by camera always the same one."""
    plan = Plan(_shares(steps), hold, requests, max(most, hold), bake, slower)
    return _begin(name, plan, url, dashboard, as_json)


def rollback(url: Url = DEFAULT_URL, dashboard: Dashboard = DASHBOARD, as_json: AsJson = False) -> int:
    """All traffic back to the release that stands by."""
    begun = time.monotonic()
    with _cluster(url, dashboard) as (cluster, history), _claim(history) as number:
        before = cluster.state()
        if history.unfinished() is not None:
            raise RolloutError("a rollout has not ended; 'doorbell release resume --back' takes it back")
        if before.idle not in before.releases:
            raise RolloutError("no release stands by; 'doorbell release deploy NAME' brings another one")
        release = before.releases[before.idle]
        cluster.finish(before.idle, number)
        seconds = time.monotonic() - begun
        why = f"by hand, from {before.releases[before.live].name}"
        row = _row(release.name, release.digest or "", before, Step.COMPLETED, Plan(), why)
        history.write(row, number, datetime.now(UTC))
    said = json.dumps({"release": release.name, "seconds": round(seconds, 2)})
    print(said if as_json else f"{release.name} has the traffic again, after {seconds:.1f} s")
    return 0


def resume(
    back: Annotated[bool, typer.Option(help="Take it back instead of going on.")] = False,
    url: Url = DEFAULT_URL,
    dashboard: Dashboard = DASHBOARD,
    as_json: AsJson = False,
) -> int:
    """Go on with a rollout whose command was killed, or take it back."""
    with _cluster(url, dashboard) as (cluster, history), _claim(history) as number:
        found = history.unfinished()
        if found is None:
            raise RolloutError("no rollout is unfinished")
        if back:
            found = dataclasses.replace(found, step=Step.ROLLING_BACK, why="taken back by hand")
        return _drive(found, number, cluster, history, as_json)


def status(url: Url = DEFAULT_URL, dashboard: Dashboard = DASHBOARD, as_json: AsJson = False) -> int:
    """Colours, weights, replicas, and how the last rollouts ended."""
    with _cluster(url, dashboard) as (cluster, history):
        show_status(cluster.state(), cluster.replicas(), history.newest(SHOWN), as_json=as_json)
    return 0


COMMANDS = (deploy, canary, rollback, resume, status)


def _begin(name: str, plan: Plan, url: str, dashboard: str, as_json: bool) -> int:
    manifest = registry().manifest(name)
    with _cluster(url, dashboard) as (cluster, history), _claim(history) as number:
        found = history.unfinished()
        if found is not None and found.release != name:
            raise RolloutError(
                f"the rollout of {found.release} was interrupted; 'doorbell release resume' goes on with it, "
                "'doorbell release resume --back' takes it back"
            )
        if found is None:
            state = cluster.state()
            if state.releases[state.live].name == name:
                raise RolloutError(f"{name} is live already")
            found = _row(name, manifest.digest, state, Step.PREPARING, plan, "")
        return _drive(found, number, cluster, history, as_json)


def _drive(found: Rollout, number: int, cluster: LiveCluster, history: History, as_json: bool) -> int:
    lease = cluster.state().lease
    clock = partial(datetime.now, UTC)
    driver = Driver(found, number, history, cluster, clock, _interruptible(), RolloutProgress(as_json))
    ended = driver.run(lease.until if lease else None)
    if as_json:
        print(json.dumps(row_as_json(ended)), flush=True)
    elif ended.step is Step.COMPLETED:
        print(f"{ended.release} has the traffic; {ended.before} stands by: 'doorbell release rollback' brings it back")
    else:
        print(f"{ended.release} was taken back, {ended.before} has the traffic: {ended.why}", file=sys.stderr)
    return 0 if ended.step is Step.COMPLETED else 1


@contextmanager
def _claim(history: History) -> Iterator[int]:
    number = history.claim(datetime.now(UTC))
    try:
        yield number
    finally:
        history.release_claim(number, datetime.now(UTC))


def _row(name: str, digest: str, state: State, step: Step, plan: Plan, why: str) -> Rollout:
    now = datetime.now(UTC)
    before = state.releases[state.live].name
    return Rollout(os.urandom(8).hex(), name, digest, state.idle, before, step, 0, plan, now, now, why)


@contextmanager
def _cluster(url: str, dashboard: str) -> Iterator[tuple[LiveCluster, History]]:
    settings = load()
    history = History(database())
    with (
        Serve(dashboard, token_of(settings.folder)) as serve,
        client(url, frozenset({Scope.ADMIN})) as api,
    ):
        file = state_file(settings.folder)
        golden = GoldenSet(golden_folder(settings))
        yield (
            LiveCluster(serve, api, golden, lambda name: _check(name, settings), lambda state: keep(file, state)),
            history,
        )


def _check(name: str, settings: Settings) -> None:
    """Signature, digests, licences, and the gallery in its embedding space. Raises TakenBack."""
    try:
        folder = registry().fetch(name, settings.releases_cache)
        open_release(folder, trusted(settings), licences(settings))
    except ReleaseError as error:
        raise TakenBack(str(error)) from None
    command = [sys.executable, "-m", "cluster.cli.main", "gallery", "reembed", "--release", name]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise TakenBack(f"the gallery cannot be embedded by {name}: {lines[-1] if lines else done.returncode}")


def _interruptible() -> Any:
    """A sleep that the first Ctrl-C turns into taking the release back."""
    asked: list[int] = []

    def ask(number: int, _: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        if len(asked) == 1:
            asked.append(0)
            raise TakenBack("stopped by hand")

    return sleep


def _shares(steps: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(step) for step in steps.split(","))
    except ValueError:
        shares = ()
    if not shares or list(shares) != sorted(set(shares)) or shares[0] <= 0 or shares[-1] != 100:
        raise typer.BadParameter(f"'{steps}' are no growing percents that end with 100, such as 1,5,25,50,100")
    return shares
