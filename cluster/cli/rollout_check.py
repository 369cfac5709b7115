"""What a release must stand before anything of it is started, and what is said when the database goes away."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from cluster.cli.registered import licences, registry, trusted
from cluster.deployment.driver import TakenBack
from cluster.deployment.history import RolloutError
from cluster.releases.folder import open_release
from cluster.releases.manifest import ReleaseError
from serve_apps.settings import Settings


def check(name: str, settings: Settings) -> None:
    """Signature, digests, licences, and the gallery in its embedding space. Raises TakenBack."""
    try:
        folder = registry().fetch(name, settings.releases_cache)
        open_release(folder, trusted(settings), licences(settings))
    except ReleaseError as error:
        raise TakenBack(str(error)) from None
    command = [sys.executable, "-m", "cluster.cli.main", "gallery", "reembed", "--release", name, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TakenBack(f"the gallery cannot be embedded by {name}: {_reason(done)}")


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Who is lost, when the command came to its end; else the last thing that it complained of."""
    printed, complaints = done.stdout.splitlines(), [line for line in done.stderr.splitlines() if line.strip()]
    last = json.loads(printed[-1]) if printed else {}
    if last.get("without"):
        lost, first = ", ".join(last["without"]), last["failures"][0]
        return (
            f"nothing is left to recognize {lost} by ({first['person']}: {first['reason']}); "
            "enrol other photographs of them, or remove them"
        )
    if complaints:
        return complaints[-1].strip().removeprefix("doorbell: ")
    return f"it was stopped with {last.get('remaining', 'all')} faces to go"


@contextmanager
def database_may_go() -> Iterator[None]:
    """Raises RolloutError when it does: the leases of the gateways' weights end without it."""
    try:
        yield
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())
        raise RolloutError(
            f"the database went away ({said}); the live release keeps the traffic, or has it again when the share of "
            "the new one ends; with the database back, 'doorbell release resume' goes on, or takes it back with --back"
        ) from error
