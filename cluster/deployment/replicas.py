"""How many replicas the colours have, and whether there is room for a second colour."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.deployment.control import Serve
from cluster.deployment.rollout import Colour
from cluster.deployment.running import TakenBack
from cluster.deployment.serve_config import application_of, state_of

ROOM_TRIES = 15
TINY = 1e-6
"""Of a CPU: sums of fractions are not exact."""

RECOGNIZER_CPUS = 0.8
"""What a recognizer replica reserves unless the config says otherwise; a test holds it to the deployment's own."""


def _recognizer(config: dict[str, Any], name: str = "") -> dict[str, Any]:
    """The first deployment of an application, or of the first one."""
    found = next(each for each in config["applications"] if each["name"] == name or not name)
    first: dict[str, Any] = found["deployments"][0]
    return first


def least(config: dict[str, Any], colour: Colour) -> int:
    """The replicas that the colour keeps whatever the load."""
    scaling = _recognizer(config, application_of(colour)).get("autoscaling_config") or {}
    return int(scaling.get("min_replicas", 1))


def running(serve: Serve, colour: Colour) -> int:
    """As many replicas as the colour has now, at least those that it keeps."""
    found = serve.details().get(application_of(colour))
    now = sum(each.state == "RUNNING" for one in found.deployments for each in one.replicas) if found else 0
    return max(now, least(serve.config(), colour))


def _reserved(config: dict[str, Any]) -> dict[str, float]:
    """What one recognizer replica asks for, by Ray's names of the resources."""
    options = _recognizer(config).get("ray_actor_options") or {}
    asked = {
        "CPU": options.get("num_cpus", RECOGNIZER_CPUS),
        "GPU": options.get("num_gpus") or 0,
        "memory": options.get("memory") or 0,
    }
    return {name: float(amount) for name, amount in asked.items() if amount}


def places(nodes: Mapping[str, Mapping[str, float]], reserved: Mapping[str, float]) -> int:
    """How many replicas fit: each needs all that it reserves on one node."""
    return sum(
        int(min((node.get(name, 0.0) + TINY) / amount for name, amount in reserved.items())) for node in nodes.values()
    )


def until_there_is_room(serve: Serve, colour: Colour) -> Iterator[str]:
    """Says what it waits for. Raises TakenBack when there is none within some seconds."""
    for _ in range(ROOM_TRIES):
        missing = _missing_room(serve, colour)
        if not missing:
            return
        yield f"waiting for room: {missing}"
        time.sleep(1.0)  # Ray counts what is free every few seconds only
    raise TakenBack(missing)


def _missing_room(serve: Serve, colour: Colour) -> str:
    config, details = serve.config(), serve.details()
    wanted, reserved = running(serve, state_of(config).live), _reserved(config)
    standing = details.get(application_of(colour))
    given_up = sum(len(each.replicas) for each in standing.deployments) if standing else 0
    free = serve.free()
    fitting = places(free, reserved) + given_up
    if fitting >= wanted:
        return ""
    each = " and ".join(f"{amount:g} {name}" for name, amount in reserved.items())
    where = f"on {len(free)} nodes" if len(free) > 1 else "here"
    return (
        f"no room for a second colour: {wanted} replicas of {each} are needed, {fitting} fit {where}; add a node, or "
        "lower min_replicas of the recognizer"
    )
