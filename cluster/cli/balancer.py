"""`doorbell serve balancer` and `balancer-weights`: from one cluster to another behind one address."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from cluster.deployment.balancer import Behind, clusters, move
from cluster.deployment.haproxy import AUTHORITIES, Address, Balancer, config

SOCKET = Path("/run/haproxy/doorbell.sock")
LOOK_SECONDS = 0.1


def balancer(
    old: Annotated[str, typer.Option(metavar="HOST:PORT", help="The cluster that answers now.")],
    new: Annotated[str, typer.Option(metavar="HOST:PORT", help="The cluster that takes over.")],
    weight: Annotated[int, typer.Option(help="The new cluster's share in percent.")] = 0,
    bind: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where HAProxy listens.")] = "127.0.0.1:8000",
    certificate: Annotated[Path | None, typer.Option(help="TLS ends here: a PEM file with the key in it.")] = None,
    passthrough: Annotated[str | None, typer.Option(help="TLS ends at the clusters, under this name.")] = None,
    authorities: Annotated[Path, typer.Option(help="With --passthrough: who may sign its certificate.")] = AUTHORITIES,
    socket: Annotated[Path, typer.Option(help="For balancer-weights; its folder must be there.")] = SOCKET,
) -> None:
    """Print HAProxy's config for two clusters of one database behind one address."""
    where = Address.parse(bind)
    addresses = Address.parse(old), Address.parse(new)
    wanted = Balancer(*addresses, weight, where, socket, certificate, passthrough, authorities)
    if not (where.loopback or certificate or passthrough):
        print(f"doorbell: {where} is not loopback and has no TLS: API keys travel in clear text", file=sys.stderr)
    print(config(wanted), end="")


def balancer_weights(
    old: Annotated[int | None, typer.Option(min=0, max=100)] = None,
    new: Annotated[int | None, typer.Option(min=0, max=100)] = None,
    socket: Annotated[Path, typer.Option(help="HAProxy's runtime socket.")] = SOCKET,
    wait: Annotated[float, typer.Option(min=0, help="Seconds until a cluster without weight has drained.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Move the weights of a running balancer, or show them; status 1 when what should be drained is not."""
    if (old is None) != (new is None):
        raise typer.BadParameter("give both weights, or none to see them")
    if old is not None and new is not None:
        move(socket, old, new)
    found, drained = watched(socket, wait)
    if as_json:
        behind = {name: {"status": one.status, "weight": one.weight, "busy": one.busy} for name, one in found.items()}
        print(json.dumps({"clusters": behind, "drained": drained}))
    else:
        for name, one in found.items():
            print(f"{name}  weight {one.weight:>3}  {one.status:<8} {one.busy} in flight")
    return 0 if drained or not wait else 1


def watched(socket: Path, seconds: float) -> tuple[dict[str, Behind], bool]:
    """Both clusters once one without weight has nothing in flight, or the time is over; and whether it is so."""
    until = time.monotonic() + seconds
    while True:
        found = clusters(socket)
        drained = any(not one.weight and not one.busy for one in found.values())
        if drained or time.monotonic() >= until:
            return found, drained
        time.sleep(LOOK_SECONDS)
