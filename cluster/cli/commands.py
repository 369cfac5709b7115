"""Every command, gathered: of one noun alone where it is known, since the others' imports take seconds."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import typer

Add = Callable[[typer.Typer], None]


def app(noun: str | None = None) -> typer.Typer:
    """`doorbell` with the commands of this noun; with all of them where there is none such."""
    app = typer.Typer(
        help="The doorbell cluster.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    if noun in NOUNS:
        app.callback()(_noun)  # with one command only, Typer would take the noun for its argument
        NOUNS[noun](app)
        return app
    for add in NOUNS.values():
        add(app)
    return app


def _noun() -> None:
    """The doorbell cluster."""


def _command(module: str, function: str) -> Add:
    def add(app: typer.Typer) -> None:
        app.command()(getattr(import_module(f"cluster.cli.{module}"), function))

    return add


def _group(name: str) -> Add:
    def add(app: typer.Typer) -> None:
        app.add_typer(import_module(f"cluster.cli.{name}").app, name=name)

    return add


def _release(app: typer.Typer) -> None:
    from cluster.cli import guard, release, release_report, rollback, rollouts

    for command in (*rollouts.COMMANDS, rollback.rollback, guard.guard, release_report.report):
        release.app.command()(command)
    app.add_typer(release.app, name="release")


def _serve(app: typer.Typer) -> None:
    from cluster.cli import balancer, kuberay, serve_config

    for command in (kuberay.kuberay, balancer.balancer, balancer.balancer_weights):
        serve_config.app.command()(command)
    app.add_typer(serve_config.app, name="serve")


def _backup(app: typer.Typer) -> None:
    from cluster.cli import backup, backup_care, backup_drill, backup_restore

    for command in (*backup_restore.COMMANDS, *backup_care.COMMANDS, backup_drill.drill):
        backup.app.command()(command)
    app.add_typer(backup.app, name="backup")


def _golden(app: typer.Typer) -> None:
    from cluster.cli import golden_make

    app.add_typer(golden_make.app, name="golden")


NOUNS: dict[str, Add] = {
    "up": _command("up", "up"),
    "enroll": _command("enroll", "enroll"),
    "calibrate": _command("calibrate", "calibrate"),
    "migrate": _command("up", "migrate"),
    "diagnose": _command("diagnose", "diagnose"),
    "keys": _group("keys"),
    "devices": _group("devices"),
    "people": _group("people"),
    "gallery": _group("gallery"),
    "golden": _golden,
    "serve": _serve,
    "release": _release,
    "audit": _group("audit"),
    "autoscaling": _group("autoscaling"),
    "backup": _backup,
    "bench": _group("bench"),
    "logs": _group("logs"),
    "monitoring": _group("monitoring"),
    "slo": _group("slo"),
    "capacity": _group("capacity"),
}
