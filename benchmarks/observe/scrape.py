"""What a Prometheus finds: the targets of Ray's service discovery, asked one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from cluster.monitoring.metrics import FAMILIES

DISCOVERY = Path("r") / "prom_metrics_service_discovery.json"
"""In a cluster's temporary folder."""


def scraped(temp: Path) -> list[Metric]:
    """Every metric of every target that answers, of the cluster whose temporary folder this is. Raises OSError.

    Ray's autoscaler and dashboard take the same two ports in every cluster, so on a machine with several a target may
    be another one's, or nobody's by now.
    """
    targets = [target for group in json.loads((temp / DISCOVERY).read_text()) for target in group["targets"]]
    texts = map(_answer, targets)
    return [metric for text in texts for metric in text_string_to_metric_families(text)]


def _answer(target: str) -> str:
    try:
        return httpx.get(f"http://{target}/metrics", timeout=30).raise_for_status().text
    except httpx.HTTPError:
        return ""


def series(metrics: Iterable[Metric]) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """By the sample's name, then by its labels that we declare, summed over processes."""
    ours = {label.name for family in FAMILIES for label in family.labels} | {"le"}
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for metric in metrics:
        for sample in metric.samples:
            labels = tuple(sorted((name, value) for name, value in sample.labels.items() if name in ours))
            by_labels = found.setdefault(sample.name, {})
            by_labels[labels] = by_labels.get(labels, 0.0) + sample.value
    return found


def counted(metrics: Iterable[Metric]) -> tuple[int, int]:
    """How many series there are of families that we declare, and how many in all."""
    names = tuple(family.exported for family in FAMILIES)
    ours = total = 0
    for metric in metrics:
        total += len(metric.samples)
        ours += sum(sample.name.startswith(names) for sample in metric.samples)
    return ours, total
