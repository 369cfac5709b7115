"""Serve's config from a state, and the state from a config: `serve deploy` takes what `generate` makes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cluster.deployment.colours import COLOURS, Colour, Deployed, Lease, State, StateError, Weights
from cluster.deployment.shipped import scalings

RECOGNIZER = "recognizer-"
GATEWAY = "gateway"
STANDBY = 1
"""Replicas of a colour without traffic: enough to take it back at once."""


def application_of(colour: Colour) -> str:
    """The name of a colour's application."""
    return RECOGNIZER + colour


def generate(template: Mapping[str, Any], state: State, replicas: int | None = None) -> dict[str, Any]:
    """A config with an application for each deployed colour, made from the template's first recognizer.

    `replicas` is the least number for the idle colour, which keeps one while it has no weight unless told otherwise.
    The live colour comes first. Raises StateError for a template without recognizer or gateway.
    """
    config: dict[str, Any] = copy.deepcopy(dict(template))
    applications = config["applications"]
    recognizers = [application for application in applications if application["name"].startswith(RECOGNIZER)]
    if not recognizers:
        raise StateError(f"the config has no application whose name starts with {RECOGNIZER}")
    others = [application for application in applications if application not in recognizers]
    colours = [colour for colour in (state.live, state.idle) if colour in state.releases]
    config["applications"] = [_recognizer(recognizers[0], state, colour, replicas) for colour in colours] + others
    _gateway(config)["user_config"] = _user_config(state)
    return config


def changed(config: dict[str, Any], state: State, replicas: int | None = None) -> dict[str, Any]:
    """The config of a running cluster with another state; the colour that is live in it is the template."""
    live = application_of(state_of(config).live)
    ordered = sorted(config["applications"], key=lambda application: application["name"] != live)
    return generate(config | {"applications": ordered}, state, replicas)


def state_of(config: Mapping[str, Any]) -> State:
    """What `generate` was given. Raises StateError for a config that it cannot have made."""
    try:
        return _state_of(config)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(f"the config names no colours and weights as doorbell does: {error!r}") from error


def _state_of(config: Mapping[str, Any]) -> State:
    releases = {}
    for application in config["applications"]:
        if (name := application["name"]).startswith(RECOGNIZER):
            args = application["args"]
            releases[_colour(name)] = Deployed(args["release"], args.get("digest"))
    user_config = _gateway(config)["user_config"]
    weights = _by_colour(user_config["weights"])
    lease = None
    if (until := user_config.get("until")) is not None:
        lease = Lease(datetime.fromisoformat(until), _by_colour(user_config["fallback"]))
    lasting = lease.fallback if lease else weights
    live = max(releases, key=lambda colour: lasting.get(colour, 0))  # of equal ones the first, as generated
    return State(live, releases, weights, lease, user_config.get("epoch"))


def _recognizer(template: Mapping[str, Any], state: State, colour: Colour, replicas: int | None) -> dict[str, Any]:
    application: dict[str, Any] = copy.deepcopy(dict(template))
    release = state.releases[colour]
    application["name"] = application_of(colour)
    application["args"] = {"release": release.name} | ({"digest": release.digest} if release.digest else {})
    if colour == state.live:
        return application
    if replicas is None and state.weights.get(colour, 0) > 0:
        return application
    for scaling in scalings([application]):
        scaling["min_replicas"] = replicas or STANDBY
        scaling["max_replicas"] = max(scaling["min_replicas"], scaling.get("max_replicas", 1))
    return application


def _gateway(config: Mapping[str, Any]) -> dict[str, Any]:
    for application in config["applications"]:
        if application["name"] == GATEWAY:
            for deployment in application.get("deployments", []):
                if deployment["name"] == "Gateway":
                    found: dict[str, Any] = deployment
                    return found
    raise StateError("the config has no deployment Gateway in an application gateway")


def _user_config(state: State) -> dict[str, Any]:
    made: dict[str, Any] = {"weights": _by_application(state.weights)}
    if state.lease:
        made |= {"until": state.lease.until.isoformat(), "fallback": _by_application(state.lease.fallback)}
    if state.epoch is not None:
        made["epoch"] = state.epoch
    return made


def _by_application(weights: Weights) -> dict[str, int]:
    return {application_of(colour): weight for colour, weight in weights.items()}


def _by_colour(weights: Mapping[str, int]) -> Weights:
    return {_colour(name): int(weight) for name, weight in weights.items()}


def _colour(name: str) -> Colour:
    for colour in COLOURS:
        if name == application_of(colour):
            return colour
    raise StateError(f"{name} is no colour's application; there are {' and '.join(map(application_of, COLOURS))}")
