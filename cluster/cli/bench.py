"""`doorbell bench NAME`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cluster import supervisor
from cluster.cli.access import temporary_key
from cluster.cli.up import prepare, stoppable
from cluster.launcher import local_cluster
from cluster.preflight import Ports, free_port
from cluster.sample_run import enrol_samples
from cluster.security.api_keys import Scope
from serve_apps.settings import load

app = typer.Typer(help="Measurements on this machine, beside a peer.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def engine(
    rounds: Annotated[int, typer.Option(min=1, help="Passes over every picture.")] = 5, as_json: AsJson = False
) -> None:
    """Our engine and face_recognition side by side: one process, one thread, the sample photographs."""
    from benchmarks.engine import as_json as fields
    from benchmarks.engine import measure, table

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("pictures")
        report = measure(
            load().weights_folder,
            rounds,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    _print(fields(report), table(report), as_json)


@app.command()
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
    with stoppable(), _cluster_of_its_own() as (url, key):
        report = measure(url, key, counts, seconds)
    _print(report.as_json(), _service_table(report.as_json()), as_json)
    return 0


@contextlib.contextmanager
def _cluster_of_its_own() -> Iterator[tuple[str, str]]:
    """Address and key of a cluster with the sample people, on the data folder's disk; gone afterwards."""
    weights = load().weights_folder
    weights.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=weights.parent) as folder:
        Path(folder, "weights").symlink_to(weights)
        for name in [name for name in os.environ if name.endswith(("_URL", "_FILE")) and name.startswith("DOORBELL_")]:
            del os.environ[name]
        os.environ["DOORBELL_DATA"] = folder
        settings = load()
        prepare(settings)
        say = Console(stderr=True).print
        with (
            local_cluster(settings.folder, free_ports(), say) as url,
            temporary_key("bench", frozenset({Scope.FRAMES, Scope.PEOPLE})) as key,
        ):
            enrol_samples(url, key)
            say("measuring …")
            yield url, key


def free_ports() -> Ports:
    """Ports that nobody listens on."""
    ports: set[int] = set()
    while len(ports) < 4:
        ports.add(free_port())
    return Ports(*ports)


def _service_table(report: dict[str, Any]) -> Table:
    machine = report["machine"]
    table = Table("cameras", "requests/s", "p50 ms", "p99 ms", "errors", title=f"{machine['processor']}")
    for run in report["runs"]:
        cells = (run["cameras"], run["requests_per_second"], run["p50_ms"], run["p99_ms"], run["errors"])
        table.add_row(*map(str, cells))
    largest = [f"{process['name']} {process['resident_mb']:.0f} MB" for process in report["processes"][:4]]
    table.caption = f"{report['replicas']} recognizer replicas; {', '.join(largest)}"
    return table


def _print(fields: dict[str, Any], table: Table, as_json: bool) -> None:
    if as_json:
        print(json.dumps(fields, indent=2))
    else:
        Console().print(table)
