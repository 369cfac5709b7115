"""A folder from which Prometheus runs: its config, our rules, and a file that names the boxes at the doors."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.monitoring import for_others, rule_files

HEAD = """\
# Made by `doorbell monitoring prometheus`. Ray's nodes are found by the file that its head keeps up to date; boxes are
# in edge.json, which may be edited: Prometheus reads it again by itself. Start it with
#   prometheus --config.file={folder}/prometheus.yml --enable-feature=exemplar-storage
"""
RUNBOOKS = "docs/"
"""How a rule names its runbook; another place is put there instead."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Where things are, each HOST:PORT. `discovery` is the file in which Ray's head names its nodes.

    `runbooks` is the address under which docs/ is published; empty keeps the paths. `every` in seconds.
    """

    discovery: Path
    alertmanagers: Sequence[str]
    haproxy: Sequence[str]
    boxes: Sequence[str]
    runbooks: str = ""
    every: int = 10


def write(folder: Path, watched: Watched) -> list[Path]:
    """Make `folder` with everything in it. What was written. Raises OSError."""
    files = {folder / "prometheus.yml": HEAD.format(folder=folder) + yaml.safe_dump(config(watched), sort_keys=False)}
    for rules in rule_files.all_files():
        files[folder / "rules" / rules.name] = with_links(rules.read_text(), watched.runbooks)
    files[folder / "edge.json"] = json.dumps([{"targets": list(watched.boxes)}], indent=1) + "\n"
    for file, text in files.items():
        for_others.write(folder, file, text)
    return list(files)


def config(watched: Watched) -> dict[str, Any]:
    """prometheus.yml."""
    every = f"{watched.every}s"
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(watched.alertmanagers)}]}]},
        "rule_files": ["rules/*.yaml"],
        "scrape_configs": [
            {
                "job_name": "ray",
                # Ray's file is a symbolic link to one that is replaced, of which Prometheus is not told.
                "file_sd_configs": [{"files": [str(watched.discovery)], "refresh_interval": "5s"}],
                "relabel_configs": [
                    {"source_labels": ["__address__"], "regex": r"(.*):\d+", "target_label": "node"},
                    {"target_label": "job", "replacement": "ray"},
                ],
            },
            {"job_name": "haproxy", "static_configs": [{"targets": list(watched.haproxy)}]},
            {"job_name": "edge", "file_sd_configs": [{"files": ["edge.json"]}]},
        ],
    }


def with_links(rules: str, address: str) -> str:
    """The rules, with runbooks at this address."""
    if not address:
        return rules
    return re.sub(rf"(\brunbook: ){RUNBOOKS}", rf"\g<1>{address.rstrip('/')}/", rules)
