"""`doorbell bench service`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cluster import supervisor
from cluster.cli.bench.interruptible import interruptible
from cluster.cli.bench.output import AsJson, show
from cluster.cli.bench.own_cluster import cluster_of_its_own
from serve_apps.settings import load

MOST_CAMERAS = 500
"""Each is a connection in one process, which may have 1,024 open files on most systems."""


def service(
    cameras: Annotated[str, typer.Option(help="How many at once, run after run.")] = "1,2,8,32,64",
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Of each run, after two of warm-up.")] = 10.0,
    peers: Annotated[bool, typer.Option(help="What a user would write instead, by the same cameras.")] = True,
    as_json: AsJson = False,
) -> int:
    """Cameras that post 640x480 JPEGs to a cluster of its own on free ports; the bare engine and peers beside it."""
    if not supervisor.inside():
        return supervisor.run_inside(["-m", "cluster.cli.main", *sys.argv[1:]])
    from benchmarks.child import MeasurementFailed

    counts, say = _counts(cameras), Console(stderr=True).print
    try:
        with interruptible():
            report = _measured(counts, seconds, peers, say)
    except MeasurementFailed as error:
        print(f"doorbell: {error}", file=sys.stderr)
        return 1
    show(report, _service_table(report), as_json)
    if report["peers"] and not as_json:
        Console().print(_peers_table(report))
    return 0


def _measured(counts: list[int], seconds: float, peers: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Floor, service, floor, peers. Raises MeasurementFailed."""
    from benchmarks import floor
    from benchmarks.peers.race import race
    from benchmarks.service import measure

    settings = load()
    settings.weights_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    before_the_cluster = os.environ | {"DOORBELL_DATA": str(settings.folder)}
    say("measuring the bare engine …")
    floors = [floor.measure(seconds, before_the_cluster)]
    with cluster_of_its_own() as (url, key):
        report = measure(url, key, counts, seconds, say)
    say("measuring the bare engine again …")
    floors.append(floor.measure(seconds, before_the_cluster))
    raced = race(report.beside_peers, seconds, before_the_cluster, say) if peers else ()
    return replace(report, floors=tuple(floors), peers=tuple(raced)).as_json()


def _counts(cameras: str) -> list[int]:
    try:
        counts = [int(count) for count in cameras.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1 or max(counts) > MOST_CAMERAS:
        raise typer.BadParameter(f"'{cameras}' is no list of numbers up to {MOST_CAMERAS} such as 1,2,8,32")
    return counts


def _service_table(report: dict[str, Any]) -> Table:
    machine = report["machine"]
    columns = ("cameras", "requests/s", "p50 ms", "p99 ms", "errors", "429", "CPU ms", "load", "idle", "other")
    table = Table(*columns, title=f"{machine['processor']}")
    for run in report["runs"]:
        shares = [f"{run[name]:.1%}" for name in ("load_share", "idle_share", "other_share")]
        cells = (run["cameras"], run["requests_per_second"], run["p50_ms"], run["p99_ms"], run["errors"])
        table.add_row(*map(str, cells), str(run["too_many"]), f"{run['cpu_seconds_per_frame'] * 1000:.1f}", *shares)
    largest = [f"{process['name']} {process['resident_mb']:.0f} MB" for process in report["processes"][:4]]
    table.caption = f"{report['replicas']} recognizer replicas; {', '.join(largest)}\n{_floor_line(report)}"
    return table


def _floor_line(report: dict[str, Any]) -> str:
    floor = report["floor"]
    each = " and ".join(f"{one['frames_per_second']:.1f}" for one in floor["each"])
    line = f"bare engine {each} frames/s, {floor['cpu_seconds_per_frame'] * 1000:.1f} ms of CPU each"
    if report["floor_fraction"] is None:
        return line
    disturbed = "; other programs took their share meanwhile, so go by the CPU time" if report["disturbed"] else ""
    return (
        f"{line}; with {report['saturation_cameras']} cameras the service reaches {report['floor_fraction']:.2f} of it "
        f"({report['floor_fraction_by_cpu']:.2f} by CPU time), the load generator taking "
        f"{report['load_generator_share']:.1%} of the processor{disturbed}"
    )


def _peers_table(report: dict[str, Any]) -> Table:
    title = f"Beside it, {report['peers_cameras']} cameras"
    table = Table("peer", "requests/s", "p50 ms", "p99 ms", "frames/CPU s", "ours by theirs", title=title)
    for peer in report["peers"]:
        figures = (f"{peer[name]:.1f}" for name in ("requests_per_second", "p50_ms", "p99_ms", "frames_per_cpu_second"))
        table.add_row(peer["name"], *figures, f"{peer['ratio']:.1f}")
    return table
