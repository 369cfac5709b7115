"""That the committed dashboards are what the code makes, and ask for nothing that nobody exports."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.builders.dashboard import Dashboard

from backup.meter import COUNTERS, GAUGES
from cluster.monitoring.dashboards.generate import BOARDS, text_of
from cluster.monitoring.dashboards.provisioned import DATASOURCE, FOLDER, provisioned, queries, shipped
from cluster.monitoring.metrics import FAMILIES
from tests.promql import metrics_in

RECORDING = Path(__file__).parents[5] / "cluster" / "monitoring" / "recording.yaml"
OF_PROMETHEUS = {"up", "ALERTS"}
OF_BACKUP = {f"ray_{name}" for name in GAUGES} | {f"ray_{name}_total" for name in COUNTERS}


def known() -> set[str]:
    """Names that a Prometheus with our rules has."""
    rules = [rule for group in yaml.safe_load(RECORDING.read_text())["groups"] for rule in group["rules"]]
    return {rule["record"] for rule in rules} | OF_BACKUP | OF_PROMETHEUS


@pytest.mark.parametrize(("name", "board"), BOARDS.items())
def test_the_committed_dashboards_are_what_the_code_makes(name: str, board: Callable[[], Dashboard]) -> None:
    way = "run 'python -m cluster.monitoring.dashboards.generate'"
    assert (FOLDER / f"{name}.json").read_text() == text_of(board), way


def test_no_dashboard_is_left_over() -> None:
    assert set(shipped()) == set(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_every_metric_in_a_query_is_one_that_somebody_exports(name: str) -> None:
    unknown = {(title, metric) for title, expr in queries(shipped()[name]) for metric in metrics_in(expr) - known()}
    assert unknown == set()


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_asks_something_and_has_its_own_place(name: str) -> None:
    panels = [panel for panel in shipped()[name]["panels"] if panel["type"] != "row"]
    assert all(panel["targets"] for panel in panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_what_we_measure_is_shown_somewhere() -> None:
    shown = {metric for board in shipped().values() for _, expr in queries(board) for metric in metrics_in(expr)}
    parts = ("", "_bucket", "_sum", "_count")
    assert [each.name for each in FAMILIES if not any(f"{each.name}{part}" in shown for part in parts)] == []


def test_a_grafana_folder_has_a_datasource_and_two_folders_of_dashboards(tmp_path: Path) -> None:
    files = provisioned(tmp_path, "http://prometheus:9090", {"serve.json": '{"uid": "rayServeDashboard"}'})
    source = yaml.safe_load((tmp_path / "provisioning/datasources/doorbell.yml").read_text())["datasources"][0]
    assert (source["name"], source["url"], source["type"]) == (DATASOURCE, "http://prometheus:9090", "prometheus")
    providers = yaml.safe_load((tmp_path / "provisioning/dashboards/doorbell.yml").read_text())["providers"]
    boards: dict[str, list[Any]] = {}
    for provider in providers:
        folder = Path(provider["options"]["path"])
        boards[provider["folder"]] = [json.loads(file.read_text())["uid"] for file in folder.glob("*.json")]
    assert boards["Ray"] == ["rayServeDashboard"]
    assert len(boards["Doorbell"]) == len(BOARDS)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o644}
    assert "allow_embedding = true" in (tmp_path / "grafana.ini").read_text()
