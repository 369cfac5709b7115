"""`doorbell bench NAME`: one module for each command."""

from __future__ import annotations

import typer

from cluster.cli.bench.accuracy import accuracy
from cluster.cli.bench.autoscale import autoscale
from cluster.cli.bench.autoscale_live import autoscale_live
from cluster.cli.bench.backends import backends
from cluster.cli.bench.backup import backup
from cluster.cli.bench.engine import engine
from cluster.cli.bench.floor import floor
from cluster.cli.bench.gallery import gallery
from cluster.cli.bench.observe import observe
from cluster.cli.bench.recall import recall
from cluster.cli.bench.release import release
from cluster.cli.bench.results import results
from cluster.cli.bench.service import service
from cluster.cli.bench.soak import soak

app = typer.Typer(help="Measurements on this machine, beside a peer.", no_args_is_help=True)
for command in (
    accuracy,
    autoscale,
    autoscale_live,
    backends,
    backup,
    engine,
    floor,
    gallery,
    observe,
    recall,
    release,
    results,
    service,
    soak,
):
    app.command()(command)
