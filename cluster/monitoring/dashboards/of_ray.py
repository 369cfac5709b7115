"""The dashboards that Ray itself generates, from the installed package; Ray's dashboard embeds their panels."""

from __future__ import annotations


def of_ray() -> dict[str, str]:
    """JSON by file name: nodes, Serve, and Serve by deployment. They have the uids that Ray's dashboard asks for."""
    from ray.dashboard.modules.metrics import grafana_dashboard_factory as factory

    made = {
        "default_grafana_dashboard.json": factory.generate_default_grafana_dashboard,
        "serve_grafana_dashboard.json": factory.generate_serve_grafana_dashboard,
        "serve_deployment_grafana_dashboard.json": factory.generate_serve_deployment_grafana_dashboard,
    }
    return {name: generate()[0] for name, generate in made.items()}
