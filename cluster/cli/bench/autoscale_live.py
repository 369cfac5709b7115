"""`doorbell bench autoscale-live`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from cluster import supervisor
from cluster.cli.access import database
from cluster.cli.bench.interruptible import interruptible
from cluster.cli.bench.output import AsJson, show
from cluster.cli.bench.own_cluster import cluster_of_its_own, free_ports
from cluster.deployment.control import Serve
from cluster.deployment.token import token_of
from cluster.preflight import Ports
from cluster.temporary import temp_folder
from serve_apps.settings import load

if TYPE_CHECKING:
    from serve_apps.load.counts import Sixty

RUSHES = "rushes.yaml"
AGREES = 0.2
"""How far the simulator may be from the replica hours that were measured."""


def autoscale_live(
    announced: Annotated[
        bool, typer.Option("--announced/--unannounced", help="Whether the file of expected rushes says it.")
    ] = True,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw load, replicas and p99 as a PNG.")] = None,
    as_json: AsJson = False,
) -> int:
    """A tenfold swing against a cluster of its own, four minutes; replicas, p99, failures, and the simulator beside.

    Status 1 when a frame failed, or the simulator's replica hours are off by more than a fifth.
    """
    if plot is not None and (plot.is_dir() or plot.suffix != ".png"):
        raise typer.BadParameter(f"--plot takes a file that ends in .png, not {plot}")
    if not supervisor.inside():
        return supervisor.run_inside(["-m", "cluster.cli.main", *sys.argv[1:]])
    from benchmarks.autoscale.live_plot import draw
    from benchmarks.child import MeasurementFailed

    ports = free_ports()
    try:
        with interruptible(), cluster_of_its_own(ports, RUSHES) as address:
            report = _measured(address, ports, announced)
    except MeasurementFailed as error:
        print(f"doorbell: {error}", file=sys.stderr)
        return 1
    if plot is not None:
        draw(report, plot)
    show(report, _table(report), as_json)
    return 1 if report["failed_requests"] or abs(report["replica_hours"]["simulated_is_off_by"]) > AGREES else 0


def _measured(address: tuple[str, str], ports: Ports, announced: bool) -> dict[str, Any]:
    from benchmarks.autoscale.live import Place, measure
    from benchmarks.autoscale.swing import Swing
    from serve_apps.load.history import recorded
    from serve_apps.load.store import LoadStore

    data = load().folder
    place = Place(address, data, data / RUSHES, temp_folder(data) / "r" / "prom_metrics_service_discovery.json")
    store, swing = LoadStore(database()), Swing(announced=announced)
    store.write(list(_week_of(swing.low)))
    say = Console(stderr=True).print
    with Serve(f"http://127.0.0.1:{ports.dashboard}", token_of(data)) as serve:
        return measure(place, serve, lambda: recorded(store, time.time()), swing, say)


def _week_of(per_s: float) -> Iterator[Sixty]:
    """Recorded load of a week at one rate, until the present hour, as sums over all gateways."""
    from serve_apps.load.counts import EVERYBODY, Sixty
    from serve_apps.load.store import FOLDED, HOUR, MINUTE

    end = int(time.time()) // HOUR * HOUR
    for start in range(end - 7 * 24 * HOUR, end, HOUR):
        yield Sixty(start, MINUTE, EVERYBODY, FOLDED, [round(per_s * MINUTE)] * 60)


def _table(report: dict[str, Any]) -> Table:
    table = Table("phase", "p50 ms", "p99 ms", "over 50 ms", title=report["machine"]["processor"], box=box.SIMPLE)
    for name, phase in report["phases"].items():
        table.add_row(name, f"{phase['p50_ms']:.0f}", f"{phase['p99_ms']:.0f}", f"{phase['late_share']:.1%}")
    hours, controller = report["replica_hours"], report["controller"]
    table.caption = (
        f"{report['requests']} frames, {report['failed_requests']} failed; {report['replicas_needed']} replicas were "
        f"needed, the first wanted after {report['seconds_to_decide']} s, all there after "
        f"{report['seconds_to_follow']} s, one again {report['seconds_to_scale_down']} s after the end\n"
        f"{hours['live']:.3f} replica hours, simulated {hours['simulated']:.3f} ({hours['simulated_is_off_by']:+.0%})\n"
        f"other programs took {report['other_share']:.0%} of the processor meanwhile\n"
        f"controller loop ms {controller['loop_ms']}, policy ms {controller['policy_ms']}"
    )
    return table
