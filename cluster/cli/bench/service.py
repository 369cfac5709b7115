"""`doorbell bench service`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.table import Table

from cluster import supervisor
from cluster.cli.bench.output import AsJson, show
from cluster.cli.bench.own_cluster import cluster_of_its_own
from cluster.cli.up import stoppable


def service(
    cameras: Annotated[str, typer.Option(help="How many at once, run after run.")] = "1,2,8,32",
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Of each run, after two of warm-up.")] = 10.0,
    as_json: AsJson = False,
) -> int:
    """A cluster of its own on free ports, and cameras that post 640x480 JPEGs to it for a bounded time."""
    if not supervisor.inside():
        return supervisor.run_inside(["-m", "cluster.cli.main", *sys.argv[1:]])
    from benchmarks.service import measure

    try:
        counts = [int(count) for count in cameras.split(",")]
    except ValueError:
        raise typer.BadParameter(f"'{cameras}' is no list of numbers such as 1,2,8,32") from None
    with stoppable(), cluster_of_its_own() as (url, key):
        report = measure(url, key, counts, seconds)
    show(report.as_json(), _service_table(report.as_json()), as_json)
    return 0


def _service_table(report: dict[str, Any]) -> Table:
    machine = report["machine"]
    table = Table("cameras", "requests/s", "p50 ms", "p99 ms", "errors", title=f"{machine['processor']}")
    for run in report["runs"]:
        cells = (run["cameras"], run["requests_per_second"], run["p50_ms"], run["p99_ms"], run["errors"])
        table.add_row(*map(str, cells))
    largest = [f"{process['name']} {process['resident_mb']:.0f} MB" for process in report["processes"][:4]]
    table.caption = f"{report['replicas']} recognizer replicas; {', '.join(largest)}"
    return table
