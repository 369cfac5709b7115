"""`doorbell bench service`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cluster import supervisor
from cluster.cli.bench.output import AsJson, show
from cluster.cli.bench.own_cluster import cluster_of_its_own
from cluster.cli.up import stoppable


def service(
    cameras: Annotated[str, typer.Option(help="How many at once, run after run.")] = "1,2,8,32,64",
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Of each run, after two of warm-up.")] = 10.0,
    as_json: AsJson = False,
) -> int:
    """A cluster of its own on free ports, and cameras that post 640x480 JPEGs to it for a bounded time."""
    if not supervisor.inside():
        return supervisor.run_inside(["-m", "cluster.cli.main", *sys.argv[1:]])
    from benchmarks.child import MeasurementFailed
    from benchmarks.service import measure

    counts = _counts(cameras)
    say = Console(stderr=True).print
    try:
        with stoppable(), cluster_of_its_own() as (url, key):
            report = measure(url, key, counts, seconds, say)
    except MeasurementFailed as error:
        say(f"doorbell: {error}")
        return 1
    show(report.as_json(), _service_table(report.as_json()), as_json)
    return 0


def _counts(cameras: str) -> list[int]:
    try:
        counts = [int(count) for count in cameras.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise typer.BadParameter(f"'{cameras}' is no list of numbers such as 1,2,8,32")
    return counts


def _service_table(report: dict[str, Any]) -> Table:
    machine = report["machine"]
    columns = ("cameras", "requests/s", "p50 ms", "p99 ms", "errors", "429", "CPU ms/frame", "load", "idle", "other")
    table = Table(*columns, title=f"{machine['processor']}")
    for run in report["runs"]:
        shares = [f"{run[name]:.1%}" for name in ("load_share", "idle_share", "other_share")]
        cells = (run["cameras"], run["requests_per_second"], run["p50_ms"], run["p99_ms"], run["errors"])
        table.add_row(*map(str, cells), str(run["too_many"]), f"{run['cpu_seconds_per_frame'] * 1000:.1f}", *shares)
    largest = [f"{process['name']} {process['resident_mb']:.0f} MB" for process in report["processes"][:4]]
    table.caption = f"{report['replicas']} recognizer replicas; {', '.join(largest)}"
    return table
