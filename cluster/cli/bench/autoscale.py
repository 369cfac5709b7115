"""`doorbell bench autoscale`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from cluster.cli.bench.output import AsJson, show


def autoscale(
    only: Annotated[str, typer.Option(metavar="TEXT", help="Only traces with this in their names.")] = "",
    plots: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Draw each trace into this folder.")] = None,
    start: Annotated[float, typer.Option("--start-s", min=0, max=3600, help="A replica's start, in seconds.")] = 4.0,
    node_start: Annotated[float, typer.Option("--node-start-s", min=0, max=3600, help="A node's start.")] = 90.0,
    service: Annotated[float, typer.Option("--service-ms", min=0.1, max=10_000, help="A frame's time.")] = 14.0,
    seed: Annotated[
        int, typer.Option(min=0, max=10**9, help="Of the traffic; the settings were chosen on 11 to 13.")
    ] = 2026,
    as_json: AsJson = False,
) -> int:
    """Policies on simulated traffic: late, lost, replica hours. Status 1 when ours does not do what it promises."""
    from autoscaling.simulate import Fleet
    from benchmarks.autoscale.measure import measure
    from benchmarks.autoscale.report import draw
    from benchmarks.autoscale.traces import NAMES

    if not any(only in name for name in NAMES):
        raise typer.BadParameter(f"no trace has '{only}' in its name; there are {', '.join(NAMES)}")
    if plots is not None and plots.exists() and not plots.is_dir():
        raise typer.BadParameter(f"--plots takes a folder, {plots} is a file")
    fleet = Fleet(service_s=service / 1000, start_s=start, node_start_s=node_start)
    report = measure(only, lambda name: print(f"{name} …", file=sys.stderr, flush=True), fleet, seed)
    if plots is not None:
        draw(report, plots)
    show(report, _table(report), as_json)
    missed = [aim["trace"] for aim in report["aims"] if not aim["kept"]]
    for name in missed:
        print(f"{name}: ours did not do what it promises", file=sys.stderr)
    return 1 if missed else 0


def _table(report: dict[str, Any]) -> Table:
    headings = ("trace", "policy", "late %", "lost %", "replica h", "node h", "starts", "s to capacity")
    shown = Table(*headings, box=box.SIMPLE)
    for trace in report["traces"]:
        for policy in trace["policies"]:
            shares = [f"{100 * policy[name]:.2f}" for name in ("late_share", "lost_share")]
            hours = [f"{policy[name]:.1f}" for name in ("replica_hours", "node_hours")]
            after = policy["seconds_to_capacity"]
            last = "-" if after is None else f"{after:.0f}"
            shown.add_row(trace["name"], policy["name"], *shares, *hours, str(policy["starts"]), last)
    return shown
