"""A folder that Grafana is started with: datasource, our dashboards, and Ray's own beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster.monitoring import for_others

FOLDER = Path(__file__).parent / "json"
DATASOURCE = "Prometheus"
"""Ray's dashboard embeds panels with this name, unless RAY_PROMETHEUS_NAME says another."""

UID = "doorbell-prometheus"
SCRAPE_SECONDS = 10


def provisioned(to: Path, prometheus: str, of_ray: Mapping[str, str]) -> list[Path]:
    """Write grafana.ini, provisioning/ and dashboards/; what is there is replaced. Raises OSError.

    `of_ray`: Ray's own dashboards as JSON, by file name. The paths in it are absolute, and hold where it was written.
    """
    to = to.absolute()
    boards = {f"doorbell/{file.name}": file.read_text() for file in sorted(FOLDER.glob("*.json"))}
    texts = {
        "grafana.ini": _settings(to),
        "provisioning/datasources/doorbell.yml": yaml.safe_dump(_datasources(prometheus), sort_keys=False),
        "provisioning/dashboards/doorbell.yml": yaml.safe_dump(_providers(to), sort_keys=False),
        **{f"dashboards/{name}": text for name, text in boards.items()},
        **{f"dashboards/ray/{name}": text for name, text in of_ray.items()},
    }
    for name, text in texts.items():
        for_others.write(to, to / name, text)
    return [to / name for name in texts]


def queries(board: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each panel's title with its PromQL, those in collapsed rows too."""
    found = []
    for panel in board.get("panels", ()):
        found += [(str(panel.get("title")), str(target["expr"])) for target in panel.get("targets") or ()]
        found += queries(panel)
    return found


def shipped() -> dict[str, dict[str, Any]]:
    """Our dashboards by name."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}


def _settings(to: Path) -> str:
    return (
        "# Whoever reaches this Grafana may look without signing in, and other pages may embed it: Ray's page needs\n"
        "# both. Keep its port where Ray's dashboard is, behind the same door.\n"
        "[security]\nallow_embedding = true\n\n"
        "[auth.anonymous]\nenabled = true\norg_name = Main Org.\norg_role = Viewer\n\n"
        "[analytics]\nreporting_enabled = false\ncheck_for_updates = false\ncheck_for_plugin_updates = false\n\n"
        f"[paths]\nprovisioning = {to}/provisioning\n"
    )


def _datasources(prometheus: str) -> dict[str, Any]:
    source = {"name": DATASOURCE, "uid": UID, "type": "prometheus", "access": "proxy", "isDefault": True}
    more = {"timeInterval": f"{SCRAPE_SECONDS}s", "httpMethod": "POST"}
    return {"apiVersion": 1, "datasources": [source | {"url": prometheus, "editable": False, "jsonData": more}]}


def _providers(to: Path) -> dict[str, Any]:
    def provider(name: str, folder: str) -> dict[str, Any]:
        options = {"path": str(to / "dashboards" / folder)}
        return {"name": name, "folder": name, "type": "file", "allowUiUpdates": False, "options": options}

    return {"apiVersion": 1, "providers": [provider("Doorbell", "doorbell"), provider("Ray", "ray")]}
