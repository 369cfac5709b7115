"""`doorbell slo report`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cluster.cli.keys import AsJson
from cluster.monitoring.budget import Month, Spender, Spent, spent
from cluster.monitoring.objectives import load as promised
from cluster.monitoring.questions import Prometheus
from serve_apps.settings import load

app = typer.Typer(help="Service level objectives.", no_args_is_help=True)
DEFAULT_URL = "http://127.0.0.1:9090"


@app.callback()
def _objectives() -> None:
    """Service level objectives."""


@app.command()
def report(
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="In UTC; else the present one, to now.")] = None,
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Else DOORBELL_PROMETHEUS_URL, else on this machine.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """How much of each error budget the month has spent, and by what; status 1 when one is gone."""
    chosen = Month.named(month, datetime.now(UTC))
    asked = Prometheus(prometheus or load().prometheus_url or DEFAULT_URL)
    found = spent(promised(), chosen, asked)
    if as_json:
        told = [each.as_json() for each in found]
        print(json.dumps({"month": chosen.name, "until": chosen.end.isoformat(timespec="seconds"), "objectives": told}))
    else:
        _show(chosen, found)
    return 1 if any((each.spent or 0) > 1 for each in found) else 0


def _show(month: Month, found: list[Spent]) -> None:
    numbers = ("target", "events", "bad", "good", "budget spent", "days", "worst day")
    table = Table("objective", *(Column(name, justify="right") for name in numbers), box=box.SIMPLE)
    table.title = f"{month.name}, until {month.end:%Y-%m-%d %H:%M} UTC"
    for each in found:
        table.add_row(*(escape(cell) for cell in _cells(each)))
    console = Console()
    console.print(table)
    for each in found:
        for line in _lines(each):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _cells(each: Spent) -> list[str]:
    share, gone = each.good_share, each.spent
    return [
        each.objective.name,
        f"{100 * each.objective.target:.6g} %",
        f"{each.events:.0f}",
        f"{each.bad:.0f}",
        "-" if share is None else f"{100 * share:.3f} %",
        "-" if gone is None else f"{100 * gone:.1f} %",
        str(each.days),
        f"{each.worst[0]:%m-%d}: {each.worst[1]:.0f}" if each.worst else "-",
    ]


def _lines(each: Spent) -> list[str]:
    """By what; of a budget of which nothing is spent, nothing."""
    if not each.bad:
        return []
    named = [_named(spender) for spender in each.by]
    blamed = [_named(spender) for spender in each.blame]
    lines = [f"{each.objective.name}: {', '.join(named)}"] if named else []
    return lines + ([f"{each.objective.name}, meanwhile: {', '.join(blamed)}"] if blamed else [])


def _named(spender: Spender) -> str:
    return f"{' '.join(spender.labels.values()) or 'unnamed'} {spender.count:.0f}"
