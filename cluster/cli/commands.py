"""Every command, gathered."""

from __future__ import annotations

import typer

from cluster.cli import (
    audit,
    autoscaling,
    backup,
    backup_care,
    backup_drill,
    backup_restore,
    balancer,
    bench,
    capacity,
    devices,
    gallery,
    golden_make,
    keys,
    kuberay,
    people,
    release,
    rollouts,
    serve_config,
)
from cluster.cli.calibrate import calibrate
from cluster.cli.enroll import enroll
from cluster.cli.guard import guard
from cluster.cli.release_report import report
from cluster.cli.rollback import rollback
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
    app.add_typer(people.app, name="people")
    app.add_typer(gallery.app, name="gallery")
    app.add_typer(golden_make.app, name="golden")
    for whole in (kuberay.kuberay, balancer.balancer, balancer.balancer_weights):
        serve_config.app.command()(whole)
    app.add_typer(serve_config.app, name="serve")
    for command in (*rollouts.COMMANDS, rollback, guard):
        release.app.command()(command)
    release.app.command()(report)
    app.add_typer(release.app, name="release")
    app.add_typer(audit.app, name="audit")
    app.add_typer(autoscaling.app, name="autoscaling")
    for more in (*backup_restore.COMMANDS, *backup_care.COMMANDS, backup_drill.drill):
        backup.app.command()(more)
    app.add_typer(backup.app, name="backup")
    app.add_typer(bench.app, name="bench")
    app.add_typer(capacity.app, name="capacity")
    return app
