"""A running HAProxy with two clusters behind it, by its runtime socket: weights are moved, and a drain is watched."""

from __future__ import annotations

import csv
import io
import socket
from dataclasses import dataclass
from pathlib import Path

from cluster.deployment.haproxy import BACKEND, BalancerError

SECONDS = 5.0
CLUSTERS = ("old", "new")


@dataclass(frozen=True, slots=True)
class Behind:
    """A cluster as HAProxy sees it: `status` in its words (UP, DOWN, …), `busy` counts requests in flight.

    With TLS passed through it counts connections.
    """

    status: str
    weight: int
    busy: int

    @property
    def up(self) -> bool:
        """Its health check passes."""
        return self.status.startswith("UP")


def clusters(path: Path) -> dict[str, Behind]:
    """Both, as `old` and `new`. Raises BalancerError."""
    answer = told(path, f"show stat {BACKEND} 4 -1")
    rows = csv.DictReader(io.StringIO(answer.removeprefix("# ")))
    found = {row["svname"]: Behind(row["status"], int(row["weight"]), int(row["scur"])) for row in rows}
    if missing := [name for name in CLUSTERS if name not in found]:
        raise BalancerError(f"{path}: this HAProxy has no server {BACKEND}/{missing[0]}; was its config generated?")
    return found


def move(path: Path, old: int, new: int) -> None:
    """Give both their weights, from the next request on; the one that gains comes first. Raises BalancerError.

    Refused where a cluster that is not ready would be the only one with a weight.
    """
    if not (old or new):
        raise BalancerError("one of the clusters must have a weight, or nothing answers")
    now = clusters(path)
    weights = {"old": old, "new": new}
    if not any(weight and now[name].up for name, weight in weights.items()):
        idle = next(name for name, weight in weights.items() if weight)
        raise BalancerError(f"the {idle} cluster is {now[idle].status}: it would get everything and answer nothing")
    for name in sorted(weights, key=lambda name: now[name].weight - weights[name]):
        if answer := told(path, f"set weight {BACKEND}/{name} {weights[name]}"):
            raise BalancerError(f"HAProxy refuses the weight of {name}: {answer}")


def told(path: Path, command: str) -> str:
    """HAProxy's answer to one command. Raises BalancerError."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(str(path))
            connection.sendall(f"{command}\n".encode())
            parts = []
            while part := connection.recv(65_536):
                parts.append(part)
    except OSError as error:
        raise BalancerError(f"{path}: no HAProxy answers at this socket ({error.strerror or error})") from error
    return b"".join(parts).decode(errors="replace").strip()
