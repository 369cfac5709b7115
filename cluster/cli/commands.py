"""Every command, gathered."""

from __future__ import annotations

import typer

from cluster.cli import bench, devices, gallery, keys, release, rollouts, serve_config
from cluster.cli.calibrate import calibrate
from cluster.cli.enroll import enroll
from cluster.cli.up import migrate, up


def app() -> typer.Typer:
    """`doorbell` with its commands."""
    app = typer.Typer(
        help="The doorbell cluster.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.command()(up)
    app.command()(enroll)
    app.command()(calibrate)
    app.command()(migrate)
    app.add_typer(keys.app, name="keys")
    app.add_typer(devices.app, name="devices")
    app.add_typer(gallery.app, name="gallery")
    app.add_typer(serve_config.app, name="serve")
    for command in rollouts.COMMANDS:
        release.app.command()(command)
    app.add_typer(release.app, name="release")
    app.add_typer(bench.app, name="bench")
    return app
