"""Every command, gathered."""

from __future__ import annotations

import typer

from cluster.cli import bench, keys
from cluster.cli.enroll import enroll
from cluster.cli.up import migrate, up


def register(app: typer.Typer) -> None:
    """Put the commands under `doorbell`."""
    app.command()(up)
    app.command()(enroll)
    app.command()(migrate)
    app.add_typer(keys.app, name="keys")
    app.add_typer(bench.app, name="bench")
