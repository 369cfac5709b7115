"""`doorbell capacity plan` and `doorbell capacity optimize`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from cluster.cli.bench.output import AsJson, show

if TYPE_CHECKING:
    from autoscaling.forecast import History
    from autoscaling.history import Numbers
    from autoscaling.optimize import Node, Result

app = typer.Typer(help="How many replicas and nodes, and what they cost.", no_args_is_help=True)

Loader = Callable[[], "History"]
"""Where recorded load comes from."""

Promise = Annotated[float, typer.Option("--promise-ms", min=1, max=60_000, help="99 % are answered within this.")]
Service = Annotated[float, typer.Option("--service-ms", min=0.1, max=10_000, help="A replica's time for a frame.")]
Zone = Annotated[str, typer.Option(help="The doors' time zone.")]
_KINDS = "A kind of node to be had, by the hour; the first is the present one. Again for each."
Nodes = Annotated[list[str] | None, typer.Option("--node", metavar="NAME:CPUS:PRICE", help=_KINDS)]
LoadFile = Annotated[
    Path | None,
    typer.Option("--load", metavar="FILE", help="Lines of time,count, in the place of what this cluster recorded."),
]


@app.command()
def plan(
    cameras: Annotated[int, typer.Option(min=1, max=100_000_000, help="How many there are.")],
    rings: Annotated[float, typer.Option("--rings-per-day", min=0.01, max=100_000, help="Of each camera.")] = 20.0,
    profile: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="The week's shape: doorbells, flat, or a file of time,count.")
    ] = "doorbells",
    promise: Promise = 50.0,
    price: Annotated[float, typer.Option(min=0, max=1_000_000, help="Of a node for an hour.")] = 0.2,
    per_node: Annotated[int, typer.Option("--replicas-per-node", min=1, max=1000, help="That fit on one.")] = 5,
    minimum: Annotated[int, typer.Option(min=1, max=1000, help="The fewest replicas.")] = 2,
    service: Service = 14.0,
    zone: Zone = "UTC",
    as_json: AsJson = False,
) -> None:
    """Replicas and nodes for the busiest minute of a week, by a queueing model that a simulation checks."""
    from autoscaling.capacity import HOURS_A_MONTH, Demand
    from autoscaling.capacity import plan as planned
    from autoscaling.simulate import Fleet

    fleet = Fleet(
        service_s=service / 1000, promise_s=promise / 1000, replicas_per_node=per_node, minimum=minimum, maximum=10**6
    )
    found = planned(Demand(cameras, rings, _week(profile, zone)), fleet)
    fields = asdict(found) | {
        "monthly_cost": found.nodes * price * HOURS_A_MONTH,
        "autoscaled_monthly_cost": found.autoscaled_nodes * price * HOURS_A_MONTH,
        "model_off_percent": 100 * (found.expected_p99_ms / found.simulated_p99_ms - 1),
    }
    fields = {name: round(value, 3) if isinstance(value, float) else value for name, value in fields.items()}
    show(fields, _plan_table(fields), as_json)


@app.command()
def optimize(
    nodes: Nodes = None,
    file: LoadFile = None,
    cpus: Annotated[float, typer.Option("--cpus-per-replica", min=0.1, max=64, help="At present.")] = 0.8,
    minimum: Annotated[int, typer.Option(min=1, max=1000, help="The fewest replicas at present.")] = 2,
    promise: Promise = 50.0,
    service: Service = 14.0,
    zone: Zone = "UTC",
    as_json: AsJson = False,
) -> None:
    """Which settings would have been cheapest for the recorded load with the promise kept, and the saving."""
    from autoscaling.forecast import Schedule
    from autoscaling.optimize import Choice, alternatives, load
    from autoscaling.optimize import optimize as cheapest
    from autoscaling.policy import Scaling
    from autoscaling.simulate import Fleet

    kinds = [_node(each) for each in nodes or ["m7i.xlarge:4:0.2"]]
    present = Choice(kinds[0], cpus, minimum, Scaling())
    if cpus > kinds[0].cpus:
        raise typer.BadParameter(
            f"a replica of {cpus:g} CPUs does not fit {kinds[0].name}, which has {kinds[0].cpus:g}"
        )
    fleet = Fleet(service_s=service / 1000, promise_s=promise / 1000, maximum=1000)
    history, schedule = recorded_load(file)(), Schedule(zone)
    choices = list(alternatives(kinds, sorted({cpus, 0.5, 0.8, 1.0}), present))
    with Console(stderr=True).status("replaying the load …"):
        seen = load(history, schedule)
        best, now = cheapest(seen, fleet, present, choices)
    fields = {
        "cheapest": _as_json(best),
        "present": _as_json(now),
        "monthly_saving": round(now.monthly_cost - best.monthly_cost, 2),
        "choices": len(choices),
        "minutes": len(seen.rates),
    }
    show(fields, _optimize_table(fields), as_json)


def recorded_load(file: Path | None) -> Loader:
    """Recorded load by minutes, of this cluster or from a file of `time,count`."""
    from autoscaling.load_file import read
    from cluster.cli.recorded_load import of_this_cluster

    return of_this_cluster if file is None else lambda: read(file)


def _week(profile: str, zone: str) -> Numbers:
    """A shape by its name, or that of a record; of mean 1."""
    import numpy as np

    from autoscaling import days
    from autoscaling.forecast import Schedule, usual
    from autoscaling.load_file import read

    named = {"doorbells": days.doorbells, "flat": days.flat}
    if profile in named:
        return named[profile]()
    if not (file := Path(profile)).is_file():
        raise typer.BadParameter(f"--profile '{profile}' is neither a file nor one of {', '.join(named)}")
    history = read(file)
    found = usual(history, history.end, Schedule(zone)).profile
    if found is None or not np.nansum(history.counts):
        raise typer.BadParameter(f"{profile} has no requests")
    return np.asarray(found.rates.ravel() / found.rates.mean())


def _node(said: str) -> Node:
    from autoscaling.optimize import Node

    try:
        name, cpus, price = said.rsplit(":", 2)
        node = Node(name, float(cpus), float(price))
    except ValueError:
        raise typer.BadParameter(f"--node '{said}' must be NAME:CPUS:PRICE, such as m7i.xlarge:4:0.2") from None
    if not (0.1 <= node.cpus <= 1024 and 0 <= node.price_per_hour < 1e6):
        raise typer.BadParameter(f"--node '{said}': from 0.1 to 1024 CPUs, and a price of at least 0")
    return node


def _as_json(result: Result) -> dict[str, Any]:
    choice = result.choice
    return {
        "node": choice.node.name,
        "cpus_per_replica": choice.cpus_per_replica,
        "minimum": choice.minimum,
        "utilisation": choice.scaling.utilisation,
        "spare": choice.scaling.spare,
        "restart_pays_s": choice.scaling.restart_pays_s,
        "monthly_cost": round(result.monthly_cost, 2),
        "late_share": None if result.late_share is None else round(result.late_share, 5),
        "modelled_late_share": round(result.modelled_late_share, 5),
    }


def _plan_table(fields: dict[str, Any]) -> Table:
    shown = Table("", "", box=box.SIMPLE, show_header=False)
    rows = {
        "busiest minute": f"{fields['peak_per_s']:.1f} requests/s",
        "replicas": f"{fields['replicas']}, {100 * fields['utilisation']:.0f} % busy then",
        "nodes": str(fields["nodes"]),
        "p99 then": f"{fields['expected_p99_ms']:.1f} ms by the model, {fields['model_off_percent']:+.0f} % off "
        f"a simulation ({fields['simulated_p99_ms']:.1f} ms)",
        "a month": f"{fields['monthly_cost']:,.2f}",
        "autoscaled": f"{fields['autoscaled_monthly_cost']:,.2f} with {fields['autoscaled_replicas']:.1f} replicas and "
        f"{fields['autoscaled_nodes']:.1f} nodes on average",
    }
    for name, value in rows.items():
        shown.add_row(name, value)
    return shown


def _optimize_table(fields: dict[str, Any]) -> Table:
    saving = (
        f"{fields['monthly_saving']:,.2f} a month less, of {fields['choices']} choices on {fields['minutes']} minutes"
    )
    shown = Table("", "present", "cheapest", box=box.SIMPLE, caption=saving, caption_justify="left")
    for name, value in fields["cheapest"].items():
        shown.add_row(name.replace("_", " "), str(fields["present"][name]), str(value))
    return shown
