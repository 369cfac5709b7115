"""`doorbell autoscaling load|explain`."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from autoscaling.serve_adapter import FOLDER
from cluster.cli.access import database
from cluster.cli.keys import AsJson
from cluster.cli.recorded_load import Report, reported
from serve_apps.load.facts import FORECAST, ROUTING, Facts
from serve_apps.load.store import LoadStore
from serve_apps.settings import load as settings

app = typer.Typer(help="How many replicas, and why.", no_args_is_help=True)
OLD_SECONDS = 30.0
"""The controller decides at least each second; a decision as old as this says that it does not run."""


class NothingDecided(Exception):
    """No controller has written a decision."""


@app.command()
def load(
    minutes: Annotated[int, typer.Option(min=1, max=11_000, help="How many of the last minutes to sum up.")] = 10,
    as_json: AsJson = False,
) -> None:
    """The recorded load by camera group: posted frames a second, of late and at most, and since when it is known."""
    report = reported(LoadStore(database()), time.time(), minutes)
    if as_json:
        print(json.dumps(report.as_json()))
        return
    Console().print(_load_table(report))
    gaps = f"{report.missing} minutes of it not"
    print(f"recorded since {_moment(report.since)}, {gaps}; {report.rows} rows, {report.bytes} bytes")


@app.command()
def explain(as_json: AsJson = False) -> None:
    """Why there are as many replicas as there are, now: run it where Serve's controller runs, on the head."""
    found = decisions(settings().folder / FOLDER)
    facts = Facts(database(), lambda: datetime.now(UTC)).read()
    if as_json:
        told = {name: {"at": at.timestamp(), **value} for name, (at, value) in facts.items()}
        print(json.dumps({"decisions": found, "forecast": told.get(FORECAST), "routing": told.get(ROUTING)}))
        return
    Console().print(_decisions_table(found))
    for each in found:
        print(f"{each['application']}, {each['age_s']:.1f} s ago: {each['why']}")
        if each["error"]:
            print(f"{each['application']}: {each['errors']} errors, the last: {each['error']}")
        if each["age_s"] > OLD_SECONDS:
            print(f"{each['application']}: decided {each['age_s']:.0f} s ago; does the controller run?")
    print(_forecast_line(facts.get(FORECAST)))


def decisions(folder: Path) -> list[dict[str, Any]]:
    """The newest of each application, with its age; old ones only where no other is new. Raises NothingDecided."""
    found = [_decision(file, time.time()) for file in sorted(folder.glob("*.json"))]
    if not found:
        raise NothingDecided(f"{folder} has no decision: is the cluster up, and this its head and its data folder?")
    return [each for each in found if each["age_s"] <= OLD_SECONDS] or found  # an application may be gone


def _decision(file: Path, now: float) -> dict[str, Any]:
    try:
        read = json.loads(file.read_text())
        return {**read, "age_s": round(now - read["at"], 1)}
    except (ValueError, KeyError, TypeError):
        raise NothingDecided(f"{file} is no decision of the policy's; remove it") from None


def _decisions_table(found: list[dict[str, Any]]) -> Table:
    counts = ("run", "wanted", "queue", "came", "forecast", "in s", "later", "bounds", "held")
    table = Table("application", *(Column(name, justify="right") for name in counts), box=box.SIMPLE, padding=0)
    for each in found:
        asks = each.get("asks", {})
        bounds = "-".join(map(str, asks.get("bounds", ())))
        asked = (asks.get(name) for name in ("queue", "arrivals", "forecast", "horizon_s", "later"))
        cells = [each["replicas"], each["target"], *asked, bounds or None, asks.get("held") or None]
        table.add_row(escape(each["application"]), *("-" if cell is None else f"  {cell}" for cell in cells))
    asking = "what the queue, what came in the last second and the forecast ask, in replicas"
    table.caption = f"{asking}; later: what the forecast asks before ending one pays"
    return table


def _forecast_line(found: tuple[datetime, dict[str, Any]] | None) -> str:
    if found is None:
        return "no forecast was made yet: does the application forecaster run?"
    at, value = found
    said = f"forecast of {_moment(at.timestamp())}: {value['method']}"
    return said + (f"; {value['problem']}" if value.get("problem") else "")


def _load_table(report: Report) -> Table:
    columns = ("frames/s", "at most", "refused/s", "frames")
    table = Table("camera group", *(Column(name, justify="right") for name in columns), box=box.SIMPLE)
    for group in report.groups:
        numbers = (group.per_s, group.most_per_s, group.refused_per_s)
        table.add_row(escape(group.name), *(f"{number:.2f}" for number in numbers), str(group.frames))
    table.caption = f"the last {report.minutes} minutes; 'at most' is the busiest second"
    return table


def _moment(epoch: float | None) -> str:
    return "never" if epoch is None else f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M:%S} UTC"
