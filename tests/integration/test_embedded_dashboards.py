"""Ray's dashboard with a Grafana: what it asks of one, and what it tells the page that embeds the panels."""

from __future__ import annotations

import json
from typing import Any

import httpx

from cluster.monitoring.dashboards.of_ray import of_ray
from cluster.monitoring.dashboards.provisioned import DATASOURCE
from tests.grafana import Grafana
from tests.integration.conftest import RunningCluster


def asked(cluster: RunningCluster, path: str) -> tuple[int, dict[str, Any]]:
    token = (cluster.data / "ray_token").read_text()
    url = f"http://127.0.0.1:{cluster.ports.dashboard}{path}"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    return answer.status_code, answer.json()


def test_rays_dashboard_embeds_the_dashboards_that_we_provision(cluster: RunningCluster, grafana: Grafana) -> None:
    status, found = asked(cluster, "/api/grafana_health")
    told = found["data"]
    uids = {json.loads(text)["uid"] for text in of_ray().values()}
    assert status == 200
    assert "/api/health" in grafana.asked
    assert told["grafanaHost"] == "https://grafana.example"
    assert told["dashboardDatasource"] == DATASOURCE
    assert uids <= set(told["dashboardUids"].values())


def test_a_grafana_whose_database_is_away_is_not_embedded(cluster: RunningCluster, grafana: Grafana) -> None:
    grafana.health["database"] = "failing"
    try:
        assert asked(cluster, "/api/grafana_health")[0] == 500
    finally:
        grafana.health["database"] = "ok"


def test_rays_dashboard_asks_the_prometheus_of_our_settings(cluster: RunningCluster, grafana: Grafana) -> None:
    assert asked(cluster, "/api/prometheus_health")[0] == 200
    assert "/api/v1/query?query=vector(1)" in grafana.asked
