"""What is told about snapshots as metrics. Times are epoch seconds; Ray puts `ray_` before every name."""

from __future__ import annotations

from typing import Protocol

GAUGES = {
    "backup_last_snapshot_timestamp_seconds": "The moment that the newest snapshot shows.",
    "backup_last_verified_restore_timestamp_seconds": "When a rehearsed restore of a snapshot was found to be right.",
    "backup_replication_lag_seconds": "Age of the oldest snapshot that the second place has not; 0 when it has all.",
    "backup_snapshot_seconds": "How long the newest snapshot took.",
    "backup_drill_rto_seconds": "How long the newest rehearsed restore took until it answered.",
    "backup_drill_rpo_seconds": "How much the newest rehearsed restore would have lost.",
}
COUNTERS = {
    "backup_uploaded_bytes": "Bytes that snapshots have put into the repository.",
    "backup_failures": "Snapshots, prunings, replications and drills that failed.",
}


class Meter(Protocol):
    """Takes numbers by the names above."""

    def set(self, name: str, value: float) -> None:
        """A gauge."""

    def add(self, name: str, value: float) -> None:
        """A counter."""
