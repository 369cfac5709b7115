"""What `doorbell release status` shows: colours, weights, replicas, and how the last rollouts ended."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cluster.deployment.colours import State
from cluster.deployment.rollout import Rollout, Step


def show_status(state: State, replicas: dict[str, dict[str, Any]], rows: list[Rollout], *, as_json: bool) -> None:
    """`rows` are the last rollouts, the newest first."""
    colours = _colours(state, replicas)
    lease = state.lease.until.isoformat(timespec="seconds") if state.lease else None
    current = rows[0].step.value if rows and not rows[0].step.ended else Step.IDLE.value
    if as_json:
        past = [row_as_json(row) for row in rows]
        print(json.dumps({"step": current, "colours": colours, "weights_until": lease, "history": past}))
        return
    _show(current, colours, lease, rows)


def _colours(state: State, replicas: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "colour": colour,
            "release": release.name,
            "digest": release.digest,
            "weight": state.weights.get(colour, 0),
            "live": colour == state.live,
            "replicas": replicas.get(colour, {}).get("replicas", 0),
            "status": replicas.get(colour, {}).get("status", "absent"),
        }
        for colour, release in state.releases.items()
    ]


def row_as_json(row: Rollout) -> dict[str, Any]:
    """A rollout with its moments as RFC 3339."""
    values = dataclasses.asdict(row)
    return values | {name: values[name].isoformat(timespec="seconds") for name in ("started_at", "updated_at")}


def _show(current: str, colours: list[dict[str, Any]], lease: str | None, rows: list[Rollout]) -> None:
    console = Console()
    table = Table(title=current, box=box.SIMPLE)
    for heading in ("colour", "release", "weight", "", "replicas", "status"):
        table.add_column(heading)
    total = sum(each["weight"] for each in colours) or 1
    for each in colours:
        cells = (each["colour"], each["release"], f"{100 * each['weight'] / total:.1f} %")
        table.add_row(*cells, "live" if each["live"] else "", str(each["replicas"]), each["status"])
    console.print(table)
    if lease:
        console.print(f"these weights end by themselves at {lease}")
    past = Table("when", Column("release", no_wrap=True), "before", "ended", "why", box=box.SIMPLE)
    for row in rows:
        when = row.started_at.isoformat(sep=" ", timespec="seconds")
        past.add_row(when, row.release, row.before, row.step.value, escape(row.why))
    console.print(past)
