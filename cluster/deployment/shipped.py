"""The Serve config that the package brings, and what one machine makes of it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parent.parent.parent / "serve_apps" / "serve.yaml"
BACKUP = "cluster.backup_app:backup"
"""The application that takes snapshots; it costs a process, so it is there only where snapshots are wanted."""


def shipped(*, backed_up: bool = False) -> dict[str, Any]:
    """serve_apps/serve.yaml, the template of every generated config; with `backed_up` snapshots are taken."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    if backed_up:
        config["applications"].append({"name": "backup", "route_prefix": None, "import_path": BACKUP, "args": {}})
    return config


def on_one_machine(config: Mapping[str, Any], port: int, cores: int) -> dict[str, Any]:
    """A config with this port and, so that no colour grows beyond the cores, with their number as the most replicas."""
    adapted: dict[str, Any] = copy.deepcopy(dict(config))
    adapted["http_options"]["port"] = port
    for scaling in scalings(adapted["applications"]):
        scaling["max_replicas"] = max(scaling["min_replicas"], cores)
    return adapted


def scalings(applications: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The autoscaling settings of every deployment that has some; to be changed in place."""
    for application in applications:
        for deployment in application.get("deployments", []):
            if scaling := deployment.get("autoscaling_config"):
                yield scaling
