"""`doorbell logs`, and `doorbell logs level`: lines of all nodes by any field, and how much is written."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cluster.cli.access import database
from cluster.cli.keys import AsJson
from cluster.deployment.token import token_of
from cluster.monitoring.levels import NAMES, ROOTS, Wish, of_ours
from cluster.monitoring.log_search import LEVELS, NodeLogs, Query, search, told
from cluster.preflight import Ports
from serve_apps.load.facts import Facts
from serve_apps.log_levels import LOG_LEVELS, wished
from serve_apps.settings import load

app = typer.Typer(help="What the processes of the cluster say.")

_AGO = re.compile(r"(\d{1,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Dashboard = Annotated[str, typer.Option(help="Address of Ray's dashboard.")]


@app.callback(invoke_without_command=True)
def logs(
    context: typer.Context,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", "-w", metavar="FIELD=VALUE", help="trace_id, frame_id, request_id, camera, release, …"),
    ] = None,
    since: Annotated[str, typer.Option(help="15m, 2h, 3d ago, or a time as 2026-11-28T14:00:00Z.")] = "1h",
    until: Annotated[str, typer.Option(help="Likewise; until now without it.")] = "",
    level: Annotated[str, typer.Option(help="The least that is shown.")] = "debug",
    dashboard: Dashboard = f"http://127.0.0.1:{Ports().dashboard}",
    as_json: AsJson = False,
) -> int:
    """Lines of all nodes, in the order of their times. Status 1 when a node or a file could not be read."""
    if context.invoked_subcommand is not None:
        return 0
    now = datetime.now(UTC)
    query = Query(_fields(where or []), _moment(since, now), _moment(until, now) if until else None, _level(level))
    with NodeLogs(dashboard, token_of(load().folder)) as node_logs:
        found = search(node_logs, query)
    for line in found.lines:
        print(json.dumps(line) if as_json else told(line))
    for problem in found.silent:
        print(f"doorbell: not read: {problem}", file=sys.stderr)
    return 1 if found.silent else 0


@app.command("level")
def level_of(
    logger: Annotated[
        str | None, typer.Argument(help="serve_apps, serve_apps.api.failover, …; all without it.")
    ] = None,
    level: Annotated[str | None, typer.Argument(help="debug, info, warning, error, critical, or usual.")] = None,
    minutes: Annotated[
        float, typer.Option(min=0, max=525_600, help="After so long the usual level again; 0: for good.")
    ] = 60.0,
) -> None:
    """Change from which level on a logger, and those below it, write. Every process follows within 5 seconds."""
    now = datetime.now(UTC)
    engine = database()
    wanted = wished(engine)
    if logger is not None:
        until = now + timedelta(minutes=minutes) if minutes else None
        wanted = _changed(wanted, logger, level, until)
        Facts(engine, lambda: now).write(LOG_LEVELS, {name: wish.as_json() for name, wish in wanted.items()})
    for name, wish in sorted(wanted.items()):
        print(f"{name}  {wish.level}  {f'until {wish.until:%Y-%m-%d %H:%M:%S} UTC' if wish.until else 'for good'}")
    if not wanted:
        print("every logger has its usual level")


def _changed(wanted: dict[str, Wish], logger: str, level: str | None, until: datetime | None) -> dict[str, Wish]:
    if not of_ours(logger):
        raise typer.BadParameter(f"{logger[:80]!r} is none of ours: it begins with {', '.join(ROOTS)}")
    others = {name: wish for name, wish in wanted.items() if name != logger}
    if level == "usual":
        return others
    if level is None or level.upper() not in NAMES:
        raise typer.BadParameter(f"give a level: {', '.join(name.lower() for name in NAMES)}, or usual")
    return others | {logger: Wish(level.upper(), until)}


def _fields(where: list[str]) -> dict[str, str]:
    wrong = next((each for each in where if "=" not in each), None)
    if wrong is not None:
        raise typer.BadParameter(f"--where {wrong!r} is no FIELD=VALUE")
    return dict(each.split("=", 1) for each in where)


def _level(text: str) -> str:
    if text.lower() not in LEVELS:
        raise typer.BadParameter(f"--level is one of {', '.join(LEVELS)}")
    return text.lower()


def _moment(text: str, now: datetime) -> datetime:
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: 15m, 2h, 3d, or 2026-11-28T14:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
