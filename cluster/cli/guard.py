"""`doorbell release guard`, which `doorbell up` runs beside the cluster: imports little, since it is a process more."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from cluster import supervisor
from cluster.cli.access import database
from cluster.deployment.colours import StateError
from cluster.deployment.control import Serve, ServeError
from cluster.deployment.guard import Guard
from cluster.deployment.history import History, RolloutError
from cluster.deployment.kept import keep, state_file
from cluster.deployment.rollback import ServeOnly, Standby
from cluster.deployment.token import token_of
from cluster.preflight import Ports
from serve_apps.database import connect
from serve_apps.settings import Settings, load

WITHIN_HOURS = 24.0
EVERY_SECONDS = 1.0
AGAIN_SECONDS = 10.0
"""Before the next look when one has failed."""


def guard(
    within: Annotated[float, typer.Option(min=0.01, max=8760, help="Hours after a switch.")] = WITHIN_HOURS,
    every: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between two looks.")] = EVERY_SECONDS,
    dashboard: Annotated[str, typer.Option(help="Of Ray's dashboard.")] = f"http://127.0.0.1:{Ports().dashboard}",
) -> None:
    """Take a release back when an alert asks for it after its rollout has ended; once for each switch, until Ctrl-C.

    An alert comes by POST /api/v1/alerts with the label doorbell_action="rollback", and counts when it began after the
    release's rollout did. `doorbell up` runs this itself.
    """
    settings = load()
    token_of(settings.folder)  # whoever has none is told now, not at the first alert
    database(settings)
    watch(_guard(settings, dashboard, within), every, time.sleep, _say)


def watch(guard: Guard, every: float, sleep: Callable[[float], None], say: Callable[[str], None]) -> None:
    """Look again and again. A failure is said once, and the next look comes later."""
    failed = ""
    while True:
        try:
            done = guard.look()
        except (RolloutError, ServeError, StateError, SQLAlchemyError, OSError) as error:
            line = " ".join(str(error).split())
            if line != failed:
                say(line)
            failed = line
            sleep(AGAIN_SECONDS)
            continue
        failed = ""
        if done:
            say(done)
        sleep(every)


@contextmanager
def guarding(ports: Ports) -> Iterator[subprocess.Popen[bytes]]:
    """Run a guard beside the cluster on this machine; it ends with this process, however that ends."""
    command = [sys.executable, "-m", "cluster.cli.guard", f"http://127.0.0.1:{ports.dashboard}"]
    beside = subprocess.Popen(command, env=os.environ | {supervisor.INSIDE: str(os.getpid())})
    try:
        yield beside
    finally:
        beside.terminate()
        beside.wait()


def _guard(settings: Settings, dashboard: str, within_hours: float) -> Guard:
    history = History(connect(settings.database_url))
    return Guard(history, _reaching(settings, dashboard), lambda: datetime.now(UTC), timedelta(hours=within_hours))


def _reaching(settings: Settings, dashboard: str) -> Callable[[], AbstractContextManager[Standby]]:
    @contextmanager
    def reach() -> Iterator[Standby]:
        file = state_file(settings.folder)
        with Serve(dashboard, token_of(settings.folder)) as serve:
            yield ServeOnly(serve, lambda state: keep(file, state))

    return reach


def _say(line: str) -> None:
    print(f"guard: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    supervisor.inside()
    watch(_guard(load(), sys.argv[1], WITHIN_HOURS), EVERY_SECONDS, time.sleep, _say)
