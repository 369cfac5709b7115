"""`doorbell monitoring grafana`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

PROMETHEUS = "http://127.0.0.1:9090"


def grafana(
    to: Annotated[Path, typer.Option(help="The folder to write; what has the same name in it is replaced.")],
    prometheus: Annotated[
        str, typer.Option(envvar="DOORBELL_PROMETHEUS_URL", help="Prometheus as Grafana reaches it.")
    ] = PROMETHEUS,
) -> None:
    """Write what Grafana is started with: a datasource, our dashboards, and Ray's own beside them."""
    from cluster.monitoring.dashboards.of_ray import of_ray
    from cluster.monitoring.dashboards.provisioned import provisioned

    files = provisioned(to, prometheus, of_ray())
    boards = sum(file.suffix == ".json" for file in files)
    print(f"{to}: {boards} dashboards; start Grafana with")
    print(f"  grafana server --homepath /usr/share/grafana --config {to.absolute()}/grafana.ini")
    if not os.environ.get("RAY_GRAFANA_HOST"):
        print("and the cluster with RAY_GRAFANA_HOST=http://GRAFANA:3000, so that Ray's dashboard shows them too")
