"""`doorbell bench NAME`: one module for each command."""

from __future__ import annotations

import typer

from cluster.cli.bench.engine import engine
from cluster.cli.bench.gallery import gallery
from cluster.cli.bench.service import service

app = typer.Typer(help="Measurements on this machine, beside a peer.", no_args_is_help=True)
for command in (engine, gallery, service):
    app.command()(command)
