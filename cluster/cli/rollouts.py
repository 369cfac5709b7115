"""`doorbell release deploy|canary|resume|status`."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from types import FrameType
from typing import Annotated, Any

import typer

from cluster.cli.access import DEFAULT_URL, client, database
from cluster.cli.golden import golden_folder
from cluster.cli.keys import AsJson
from cluster.cli.registered import registry
from cluster.cli.release_report import limits_of, report_path, reporter
from cluster.cli.release_status import row_as_json, show_status
from cluster.cli.rollout_check import check, database_may_go
from cluster.cli.rollout_progress import RolloutProgress
from cluster.deployment.api import Api
from cluster.deployment.colours import State
from cluster.deployment.control import Serve
from cluster.deployment.driver import Driver
from cluster.deployment.golden import GoldenSet
from cluster.deployment.history import History, RolloutError, claimed
from cluster.deployment.kept import keep, state_file
from cluster.deployment.live import LiveCluster
from cluster.deployment.rollout import Plan, Rollout, Step
from cluster.deployment.running import TakenBack
from cluster.deployment.token import token_of
from cluster.preflight import Ports
from cluster.releases.manifest import ReleaseError
from cluster.security.api_keys import Scope
from serve_apps.settings import load

Name = Annotated[str, typer.Argument(metavar="NAME", help="A release, as listed.")]
Url = Annotated[str, typer.Option(envvar="DOORBELL_API_URL", help="Of the application.")]
Dashboard = Annotated[str, typer.Option(help="Of Ray's dashboard.")]
Bake = Annotated[float, typer.Option(min=0, max=86400, help="Seconds that all of the traffic is watched at the end.")]
Slower = Annotated[float, typer.Option(min=1, max=100, help="How many times as long as the live one it may take.")]
Prove = Annotated[float, typer.Option(min=0, max=3600, help="Seconds of golden frames before any traffic.")]
DASHBOARD = f"http://127.0.0.1:{Ports().dashboard}"
SHOWN = 10


def deploy(
    name: Name,
    bake: Bake = 60.0,
    slower: Slower = 2.0,
    prove: Prove = 10.0,
    url: Url = DEFAULT_URL,
    dashboard: Dashboard = DASHBOARD,
    as_json: AsJson = False,
) -> int:
    """Bring a release into the traffic: proved beside the live one, switched, watched; taken back when it is worse."""
    return _begin(name, Plan(bake_seconds=bake, slower=slower, prove_seconds=prove), url, dashboard, as_json)


def canary(
    name: Name,
    steps: Annotated[str, typer.Option(help="Percent of the traffic, one after the other.")] = "1,5,25,50,100",
    hold: Annotated[float, typer.Option(min=1, max=86400, help="Least seconds of each step.")] = 60.0,
    requests: Annotated[int, typer.Option(min=0, help="Least requests that it decides in each step.")] = 50,
    most: Annotated[float, typer.Option(min=1, max=86400, help="Most seconds to wait for these.")] = 3600.0,
    bake: Bake = 60.0,
    slower: Slower = 2.0,
    prove: Prove = 10.0,
    url: Url = DEFAULT_URL,
    dashboard: Dashboard = DASHBOARD,
    as_json: AsJson = False,
) -> int:
    """As deploy, step by step; at each step judged beside the live release, camera by camera always the same one."""
    plan = Plan(_shares(steps), hold, requests, max(most, hold), bake, slower, prove)
    return _begin(name, plan, url, dashboard, as_json)


def resume(
    back: Annotated[bool, typer.Option(help="Take it back instead of going on.")] = False,
    url: Url = DEFAULT_URL,
    dashboard: Dashboard = DASHBOARD,
    as_json: AsJson = False,
) -> int:
    """Go on with a rollout whose command was killed, or take it back."""
    with live_cluster(url, dashboard) as (cluster, history), claimed(history, now) as number:
        found = history.unfinished()
        if found is None:
            raise RolloutError("no rollout is unfinished")
        history.note(found, "rollout.resumed", number, now(), to="taken back" if back else "go on")
        if back:
            found = dataclasses.replace(found, step=Step.ROLLING_BACK, why="taken back by hand")
        return drive(found, number, cluster, history, as_json)


def status(url: Url = DEFAULT_URL, dashboard: Dashboard = DASHBOARD, as_json: AsJson = False) -> int:
    """Colours, weights, replicas, and how the last rollouts ended."""
    with live_cluster(url, dashboard) as (cluster, history):
        show_status(cluster.state(), cluster.replicas(), history.newest(SHOWN), as_json=as_json)
    return 0


COMMANDS = (deploy, canary, resume, status)


def _begin(name: str, plan: Plan, url: str, dashboard: str, as_json: bool) -> int:
    manifest = registry().manifest(name)
    with live_cluster(url, dashboard) as (cluster, history), claimed(history, now) as number:
        found = history.unfinished()
        if found is not None:
            raise RolloutError(
                f"the rollout of {found.release} was interrupted; 'doorbell release resume' goes on with it, "
                "'doorbell release resume --back' takes it back"
            )
        state = cluster.state()
        if state.releases[state.live].name == name:
            raise RolloutError(f"{name} is live already")
        return drive(_row(name, manifest.digest, state, plan), number, cluster, history, as_json)


def now() -> datetime:
    """The clock of a command."""
    return datetime.now(UTC)


def drive(found: Rollout, number: int, cluster: LiveCluster, history: History, as_json: bool) -> int:
    """A rollout to its end, watched; the exit status."""
    if not found.is_rollback:
        cluster.api.golden()  # damaged ones are told before anything is begun
    lease = cluster.state().lease
    say, limits, keep = RolloutProgress(as_json), limits_of(load()), reporter(cluster.api.picture)
    driver = Driver(found, number, history, cluster, now, _interruptible(), say, limits, keep)
    ended = driver.run(lease.until if lease else None)
    path = report_path(ended.id)
    if as_json:
        print(json.dumps(row_as_json(ended) | {"report": str(path) if path else None}), flush=True)
    elif ended.step is Step.COMPLETED:
        print(f"{ended.release} has the traffic; {ended.before} stands by: 'doorbell release rollback' brings it back")
    else:
        print(f"{ended.release} was taken back, {ended.before} has the traffic: {ended.why}", file=sys.stderr)
    if path and not as_json:
        print(f"report: {path}")
    return 0 if ended.step is Step.COMPLETED else 1


def _row(name: str, digest: str, state: State, plan: Plan) -> Rollout:
    moment = now()
    before = state.releases[state.live].name
    return Rollout(os.urandom(8).hex(), name, digest, state.idle, before, Step.PREPARING, 0, plan, moment, moment)


@contextmanager
def live_cluster(url: str, dashboard: str) -> Iterator[tuple[LiveCluster, History]]:
    """A running cluster with what is known of its rollouts."""
    settings = load()
    history = History(database())
    with (
        Serve(dashboard, token_of(settings.folder)) as serve,
        client(url, frozenset({Scope.ADMIN})) as api,
    ):
        file = state_file(settings.folder)
        asked = Api(api, cache(lambda: GoldenSet(golden_folder(settings))))
        with database_may_go():
            yield (
                LiveCluster(
                    serve, asked, lambda name: check(name, settings), lambda state: keep(file, state), _threshold
                ),
                history,
            )


@cache
def _threshold(name: str) -> float:
    try:
        return registry().manifest(name).thresholds.threshold
    except ReleaseError as error:
        raise TakenBack(str(error)) from None


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
