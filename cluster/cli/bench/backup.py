"""`doorbell bench backup`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from cluster import supervisor
from cluster.cli.bench.interruptible import interruptible
from cluster.cli.bench.output import AsJson, show
from cluster.cli.bench.own_cluster import cluster_of_its_own, free_ports
from cluster.deployment.control import Serve
from cluster.deployment.token import token_of
from cluster.preflight import Ports
from serve_apps.settings import load

if TYPE_CHECKING:
    from benchmarks.backup.measure import Place

EVERY_SECONDS = 10
HELP = "A folder, or s3://BUCKET/PREFIX; beside the data unless given."


def backup(
    people: Annotated[int, typer.Option(min=1, help="Made-up people.")] = 10_000,
    events: Annotated[int, typer.Option(min=1_000, help="Made-up events.")] = 1_000_000,
    to: Annotated[str, typer.Option(metavar="URL", help=HELP)] = "",
    live: Annotated[bool, typer.Option("--live/--no-live", help="Also a cluster under load.")] = True,
    as_json: AsJson = False,
) -> int:
    """Snapshots, verify, restore and drill of made-up data; a live cluster beside them; restic on the same data.

    Takes about ten minutes and 4 GB of the data folder's disk. Status 1 when the drill found a difference.
    """
    if not supervisor.inside():
        return supervisor.run_inside(["-m", "cluster.cli.main", *sys.argv[1:]])
    from benchmarks.backup.measure import Place, Size, measure
    from benchmarks.child import MeasurementFailed

    data, say = load().folder, Console(stderr=True).print
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    report: dict[str, Any] = {}
    failed = ""
    try:
        with interruptible(), tempfile.TemporaryDirectory(prefix="bench-", dir=data) as folder:
            place = Place(Path(folder), to)
            report |= measure(place, Size(people, events), say)
            if live:
                report |= _live(place)
    except MeasurementFailed as error:
        failed = str(error)
        print(f"doorbell: {failed}", file=sys.stderr)
    if report:  # what was measured before something failed is worth minutes
        show(report, _table(report), as_json)
    return 1 if failed or report["drill"]["differences"] else 0


def _live(place: Place) -> dict[str, Any]:
    """A cluster on the same data, first with its own schedule, then without and with snapshots in turn."""
    from backup.encoding import time_of
    from benchmarks.backup.live import exposure, felt
    from cluster.cli import backed_up

    def furnish(folder: Path) -> Mapping[str, str]:
        for entry in place.data.iterdir():
            if entry.name != "weights":
                shutil.move(entry, folder / entry.name)
        schedule = {"DOORBELL_BACKUP_EVERY_SECONDS": str(EVERY_SECONDS), "DOORBELL_BACKUP_DRILL_HOURS": "0"}
        return place.settings() | schedule

    ports, say = free_ports(), Console(stderr=True).print
    with cluster_of_its_own(ports, furnish=furnish) as address:
        say(f"load beside a snapshot every {EVERY_SECONDS} seconds …")
        at_risk = exposure(backed_up.place(load()), lambda each: time_of(each).timestamp(), address)
        _end_schedule(ports)
        return {"rpo_seconds": at_risk["rpo_seconds"], "exposure": at_risk, **_latencies(felt(address, say))}


def _latencies(found: dict[str, Any]) -> dict[str, Any]:
    return {"live_p99_ratio": found.pop("live_p99_ratio"), "live": found}


def _end_schedule(ports: Ports) -> None:
    """Take the application off, so that snapshots are taken when the measurement says."""
    with Serve(f"http://127.0.0.1:{ports.dashboard}", token_of(load().folder)) as serve:
        config = serve.config()
        config["applications"] = [each for each in config["applications"] if each["name"] != "backup"]
        serve.put(config)


def _table(report: dict[str, Any]) -> Table:
    first, second, peer = report["first"], report["incremental"], report["restic"]
    table = Table("", "ours", "restic", title=report["machine"]["processor"], box=box.SIMPLE)
    rows = [
        ("first snapshot, s", first["seconds"], peer and peer["first"]["seconds"]),
        ("bytes stored", f"{first['bytes_uploaded']:,}", peer and f"{peer['first']['bytes_stored']:,}"),
        ("a thousand events later, s", second["seconds"], peer and peer["incremental"]["seconds"]),
        ("bytes stored", f"{second['bytes_uploaded']:,}", peer and f"{peer['incremental']['bytes_stored']:,}"),
        ("read back, s", report["verify_seconds"], peer and peer["verify"]["seconds"]),
        ("restore, s", report["restore_seconds"], peer and peer["restore"]["seconds"]),
    ]
    for name, ours, theirs in rows:
        table.add_row(name, str(ours), "-" if theirs is None else str(theirs))
    table.caption = (
        f"first: {first['mb_per_second']} MB/s with {first['machine_share']:.0%} of the machine; verify "
        f"{report['verify_mb_per_second']} MB/s; at most {report['peak_mb']} MB of memory\n"
        f"RTO {report['rto_seconds']} s, {report['drill']['differences']} differences in "
        f"{report['drill']['rows_compared']:,} rows"
    )
    if "rpo_seconds" in report:
        table.caption += f"; RPO {report['rpo_seconds']} s; live p99 ratio {report['live_p99_ratio']}"
    return table
