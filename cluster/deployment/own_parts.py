"""What our applications are called and take, so that a config that names anything else is found. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.deployment.colours import COLOURS
from cluster.deployment.nearest import Found, Place, no_such_key
from cluster.deployment.serve_config import GATEWAY, RECOGNIZER, application_of

OURS = ("serve_apps.app:", "cluster.backup_app:", "cluster.watch_app:")
"""Applications of other import paths are somebody else's, who may call them as they like."""

DEPLOYMENTS = {
    "recognizer": "Recognizer",
    GATEWAY: "Gateway",
    "courier": "Courier",
    "forecaster": "Forecaster",
    "backup": "Backup",
    "watch": "Watch",
}
"""By what follows the colon of the import path; a test holds them to the deployments themselves."""

BATCHES = ("most_frames", "wait_ms")
"""`user_config` of a recognizer."""

NEEDED = {GATEWAY: "so nothing answers", "courier": "so nobody is told"}


def own_problems(application: Mapping[str, Any], place: Place) -> Found:
    """Names, arguments and deployments of one of our applications."""
    import_path = str(application.get("import_path", ""))
    kind = import_path.rpartition(":")[2]
    if kind not in DEPLOYMENTS or not import_path.startswith(OURS):
        return
    names = [application_of(colour) for colour in COLOURS] if kind == "recognizer" else [kind]
    name = str(application.get("name", "default"))
    if name not in names:
        yield (*place, "name"), f"{name} is no name of an application of {import_path}: {' or '.join(names)}"
    arguments = application.get("args")
    if kind != "recognizer" and isinstance(arguments, Mapping):
        for key in arguments:
            yield (*place, "args", str(key)), f"no such key; {kind} takes none"
    yield from _deployments(application, kind, place)


def _deployments(application: Mapping[str, Any], kind: str, place: Place) -> Found:
    deployments = application.get("deployments")
    for number, deployment in enumerate(deployments if isinstance(deployments, list) else []):
        if not isinstance(deployment, Mapping):
            continue
        here = (*place, "deployments", number)
        if deployment.get("name") != DEPLOYMENTS[kind]:
            yield (*here, "name"), f"no such deployment; the only one of {kind} is {DEPLOYMENTS[kind]}"
        user_config = deployment.get("user_config")
        if kind == "recognizer" and isinstance(user_config, Mapping):
            for key in user_config:
                if key not in BATCHES:
                    yield (*here, "user_config", str(key)), no_such_key(key, BATCHES)


def missing(names: set[str]) -> Found:
    """Applications without which the doorbell is none."""
    for name, why in NEEDED.items():
        if name not in names:
            yield ("applications",), f"no application is called {name}, {why}"
    if not any(name.startswith(RECOGNIZER) for name in names):
        yield ("applications",), "no application is a recognizer, so nobody is recognized"
