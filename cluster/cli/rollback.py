"""`doorbell release rollback`."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated

import typer

from cluster.cli.access import DEFAULT_URL
from cluster.cli.keys import AsJson
from cluster.cli.registered import registry
from cluster.cli.rollouts import DASHBOARD, Dashboard, Url, drive, live_cluster, now
from cluster.deployment.golden import GoldenError
from cluster.deployment.history import History, claimed
from cluster.deployment.live import LiveCluster
from cluster.deployment.rollback import begun, known_digest, must_be_free, to_standby
from cluster.deployment.running import ApplicationError

BY_HAND = "by hand"
Name = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="Another release that was live before; the one that stands by unless given."),
]


def rollback(
    name: Name = None, url: Url = DEFAULT_URL, dashboard: Dashboard = DASHBOARD, as_json: AsJson = False
) -> int:
    """All traffic back to the release that stands by, in less than 5 s, or to any other one that was live before.

    Another one than the one that stands by must be started first, and its gallery embedded where that is not done:
    a minute or more. It is not proved with golden frames again, and not watched.
    """
    began = time.monotonic()
    with live_cluster(url, dashboard) as (cluster, history), claimed(history, now) as number:
        must_be_free(history)
        known = known_digest(name, cluster.state(), history) if name else None
        if name and known is not None:
            status = _started_first(name, known, number, cluster, history, as_json)
            if status:
                return status
            release = name
        else:
            release = to_standby(cluster.standby, history, number, now(), BY_HAND).release
            _see(release, cluster)
        seconds = time.monotonic() - began
    said = json.dumps({"release": release, "seconds": round(seconds, 2)})
    print(said if as_json else f"{release} has the traffic again, after {seconds:.1f} s")
    return 0


def _started_first(name: str, known: str, number: int, cluster: LiveCluster, history: History, as_json: bool) -> int:
    digest = registry().manifest(name).digest
    row = begun(name, known, digest, cluster.state(), now(), BY_HAND)
    return drive(row, number, cluster, history, as_json)


def _see(release: str, cluster: LiveCluster) -> None:
    """Wait until the gateways have taken the weights."""
    try:
        answering = cluster.api.answering(release)
    except (ApplicationError, GoldenError) as error:
        print(f"Serve was told; whether the gateways have heard was not seen: {error}", file=sys.stderr)
        return
    if answering != release:
        raise ApplicationError(f"Serve was told, and {answering} still answers; see 'doorbell release status'")
