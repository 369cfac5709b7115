"""`doorbell monitoring prometheus|alertmanager`: the configs of what looks at the cluster from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.monitoring_grafana import grafana
from cluster.monitoring import alertmanager as told
from cluster.monitoring import prometheus as watching
from cluster.monitoring.receivers import read
from cluster.preflight import Ports
from cluster.temporary import temp_folder
from serve_apps.settings import load

app = typer.Typer(help="Configs for Prometheus, Alertmanager and Grafana.", no_args_is_help=True)
app.command()(grafana)
To = Annotated[Path, typer.Option(help="The folder that the config is written to.")]
ALERTMANAGER = "127.0.0.1:9093"
HAPROXY = f"127.0.0.1:{Ports().metrics}"
DISCOVERY = "prom_metrics_service_discovery.json"
OF_RAY = Path("/tmp/ray") / DISCOVERY  # noqa: S108 Ray's own place, for clusters that `ray start` made


@app.command()
def prometheus(
    to: To,
    discovery: Annotated[
        Path | None, typer.Option(help="Where Ray's head names its nodes; else of the cluster of this data folder.")
    ] = None,
    alertmanager: Annotated[
        list[str] | None, typer.Option(metavar="HOST:PORT", help="127.0.0.1:9093 unless given; may be repeated.")
    ] = None,
    haproxy: Annotated[
        list[str] | None, typer.Option(metavar="HOST:PORT", help="HAProxy's metrics, 127.0.0.1:9101 unless given.")
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(metavar="HOST:PORT", help="A box with health.metrics_port; may be repeated.")
    ] = None,
    runbooks: Annotated[str, typer.Option(metavar="URL", help="Where docs/ is published; alerts link there.")] = "",
    every: Annotated[int, typer.Option(min=1, max=20, help="Seconds between two looks.")] = 10,
) -> None:
    """Write prometheus.yml, the rules and the boxes' addresses; every node of the cluster is found by itself."""
    found = discovery or discovered()
    watched = watching.Watched(
        found.absolute(), alertmanager or [ALERTMANAGER], haproxy or [HAPROXY], box or [], runbooks, every
    )
    for file in watching.write(to.absolute(), watched):
        print(file)
    if not found.exists():
        print(f"{found} is not there yet: it comes with the cluster")


@app.command()
def alertmanager(
    to: To,
    receivers: Annotated[Path, typer.Option(help="A YAML that says who is told: docs/monitoring.md has one.")],
) -> None:
    """Write alertmanager.yml: routes by severity, escalation, and what is silent because of something graver."""
    print(told.write(to.absolute(), read(receivers)))


def discovered() -> Path:
    """Of the cluster that `doorbell up` runs on this data folder; where it never did, Ray's own."""
    settings = load()
    if not (settings.folder / "ray_token").exists():
        return OF_RAY
    return temp_folder(settings.folder) / "r" / DISCOVERY
