"""Whether everything could be brought back, and how fast."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from cluster.monitoring.dashboards.panels import PER, THIRD, board, lines, number

OURS = "ray_backup_"
"""These gauges are of the application `backup`, by its exported names."""

SEEN = "25h"
"""As in the alert rules: the last word counts when the process, or the cluster, is gone."""


def backup() -> Dashboard:
    """Age of snapshots and of the last verified restore, drills, the second place."""
    made = board("doorbell-backup", "Doorbell: backup", "Age of snapshots and of the last verified restore.", "now-24h")
    age, verified = (_age(f"{OURS}last_{what}_timestamp_seconds") for what in ("snapshot", "verified_restore"))
    failures = f"sum(increase({OURS}failures_total[1h])) or vector(0)"
    return (
        made.with_panel(number("Newest snapshot", "s", age, [(60, "orange"), (900, "red")], width=THIRD))
        .with_panel(number("Last verified restore", "s", verified, [(72_000, "orange"), (86_400, "red")], width=THIRD))
        .with_panel(number("Failures in the last hour", "short", failures, [(1, "red")], width=THIRD))
        .with_row(Row("Snapshots"))
        .with_panel(lines("How long a snapshot takes", "s", {"": _last("snapshot_seconds")}))
        .with_panel(lines("Uploaded", "Bps", {"": f"sum(rate({OURS}uploaded_bytes_total[{PER}]))"}))
        .with_row(Row("Restores and the second place"))
        .with_panel(lines("Drill: time to recover", "s", {"RTO": _last("drill_rto_seconds")}, width=THIRD))
        .with_panel(lines("Drill: what would be lost", "s", {"RPO": _last("drill_rpo_seconds")}, width=THIRD))
        .with_panel(lines("Second place behind", "s", {"": _last("replication_lag_seconds", "10m")}, width=THIRD))
    )


def _age(moment: str) -> str:
    return f"time() - max(max_over_time({moment}[{SEEN}]))"


def _last(gauge: str, seen: str = SEEN) -> str:
    return f"max(last_over_time({OURS}{gauge}[{seen}]))"
