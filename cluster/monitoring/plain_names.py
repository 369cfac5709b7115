"""Recording rules that give each metric its plain name: Ray exports all of them with a prefix.

A rule renames and sums nothing up: `rate` over a sum of counters takes the end of a replica for a reset of everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cluster.monitoring.family import Family
from cluster.monitoring.rules import Group, Recording

OF_NODES = {
    "system_cpu_usage_percent": "ray_node_cpu_utilization",
    "system_memory_usage_bytes": "ray_node_mem_used",
    "system_memory_total_bytes": "ray_node_mem_total",
    "node_disk_usage_bytes": "ray_node_disk_usage",
    "node_disk_free_bytes": "ray_node_disk_free",
}
"""What Ray's own agents measure on each node, under our names."""


def plain_names(families: Iterable[Family]) -> Group:
    """One rule for each series name that a scrape may have."""
    ours = (Recording(name.removeprefix("ray_"), name) for family in families for name in _exported(family))
    nodes = (Recording(name, expr) for name, expr in OF_NODES.items())
    return Group("plain-names", (*ours, *nodes))


def _exported(family: Family) -> Iterator[str]:
    if family.kind != "histogram":
        yield family.exported
        return
    yield from (f"{family.exported}{part}" for part in ("_bucket", "_sum", "_count"))
