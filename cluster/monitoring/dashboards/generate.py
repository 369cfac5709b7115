"""Writes the dashboards as Grafana's JSON: `python -m cluster.monitoring.dashboards.generate`, after each change.

The builders come with the development packages; whoever installs the cluster has the JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from cluster.monitoring.dashboards.backup import backup
from cluster.monitoring.dashboards.business import business
from cluster.monitoring.dashboards.edge_fleet import edge_fleet
from cluster.monitoring.dashboards.objectives_board import objectives
from cluster.monitoring.dashboards.operations import operations
from cluster.monitoring.dashboards.provisioned import FOLDER
from cluster.monitoring.dashboards.releases import releases

BOARDS: dict[str, Callable[[], Dashboard]] = {
    "operations": operations,
    "business": business,
    "releases": releases,
    "edge": edge_fleet,
    "backup": backup,
    "objectives": objectives,
}


def text_of(board: Callable[[], Dashboard]) -> str:
    """The JSON; keys are sorted, so that a change shows as a change."""
    return json.dumps(board().build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Replace what is there."""
    FOLDER.mkdir(exist_ok=True)
    for name, board in BOARDS.items():
        (FOLDER / f"{name}.json").write_text(text_of(board))


if __name__ == "__main__":
    main()
