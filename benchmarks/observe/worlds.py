"""What goes wrong in the metrics of made-up nodes, for each alert whose fault nobody injects into a real house.

Alerts that would silence each other are in worlds of their own. Of the budgets' alerts only pages are here: what is
told of as a ticket alone burns so slowly that it takes hours by design, which `promtool test rules` shows in its own
time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.observe.made_up_nodes import Node, Shape, counts, falls, stamp_stops, stays, steps

DAY = 86_400.0
GB = 1e9
A, B, C, PROXY = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
GATEWAY = 'ray_pipeline_worker_health{worker_id="gateway/0",worker_type="gateway"}'
BUDGETS = ("Availability", "Latency", "EnrolmentFreshness", "NoticeDelivery")


@dataclass(frozen=True, slots=True)
class World:
    """Nodes, and what is to be received: labels of alerts."""

    nodes: Sequence[Node]
    told: Sequence[Mapping[str, str]]


def worlds(at: float) -> list[World]:
    """All of them, with the fault at `at`, in seconds of the epoch."""
    return [_house(at), _boxes(at), _lost_node(at), _dark(at), _burning(at)]


def _house(at: float) -> World:
    """Much goes wrong, and all of it is heard of."""
    first = Node(A, {GATEWAY: stays(1), **_doors(), **_releases(at), **_hardware(at)})
    silent = Node(C, {"ray_node_mem_total": stays(16 * GB)}, ends=True)
    proxy = Node(PROXY, {"haproxy_up": stays(1)}, ends=True, job="haproxy")
    backup = {
        "ray_backup_last_verified_restore_timestamp_seconds": stays(at - DAY),
        "ray_backup_last_snapshot_timestamp_seconds": stamp_stops(at),
        "ray_backup_replication_lag_seconds": steps(0, 2000),
    }
    named = (
        *("ErrorsLogged", "LowFaceRecognitionAccuracy", "NoticesFailing", "NoticesWaiting", "EdgeSpoolGrowing"),
        *("HighCPUUsage", "CriticalCPUUsage", "HighMemoryUsage", "DiskFullInFourHours", "NodeDiskAlmostFull"),
        *("ClockSkew", "WatchPartStuck", "NodeUnseen", "TargetDown", "TelemetryLost", "ReleaseStuck"),
        *("NoVerifiedRestore", "SnapshotTooOld", "SecondRegionBehind"),
    )
    told = [
        *({"alertname": name} for name in named),
        {"alertname": "CertificateEnds", "severity": "ticket"},
        {"alertname": "CertificateEnds", "severity": "page"},
        {"alertname": "SecurityEvent", "severity": "page"},
    ]
    return World([first, Node(B, backup), silent, proxy], told)


def _well(at: float) -> dict[str, Shape]:
    """What a house says while it is well."""
    return {
        GATEWAY: stays(1),
        "ray_backup_last_verified_restore_timestamp_seconds": stays(at - 3600),
        "ray_backup_last_snapshot_timestamp_seconds": lambda t: at + t,
    }


def _doors() -> dict[str, Shape]:
    """Frames are answered; recognition, notices and a box get worse."""
    return {
        'ray_pipeline_events_total{status="recorded",release="r"}': counts(5, 5),
        'ray_errors_total{component="courier",error_type="OSError",severity="error"}': counts(0, 1),
        'ray_face_recognition_accuracy{model_version="r"}': steps(1, 0.5),
        'ray_notifications_sent_total{channel="mail",notification_type="known",status="gave_up"}': counts(0, 0.1),
        'ray_pipeline_queue_size{queue_name="outbox"}': steps(0, 80),
        'ray_edge_device_spool_frames{device="back door"}': falls(20, -1),
        'ray_telemetry_dropped_total{signal="traces",reason="collector"}': counts(0, 1),
    }


def _releases(at: float) -> dict[str, Shape]:
    """A rollout stops in the middle, a part of the watch as well, and somebody changes the audit trail."""
    return {
        'ray_rollout_state{state="validating"}': steps(0, 1),
        "ray_rollout_step_started_timestamp_seconds": stamp_stops(at),
        'ray_watch_part_timestamp_seconds{part="disks"}': stamp_stops(at),
        'ray_watch_part_timestamp_seconds{part="replicas"}': lambda t: at + t,
        'ray_security_events_total{event_type="audit_broken",source="audit",action_taken="told"}': steps(None, 1),
    }


def _hardware(at: float) -> dict[str, Shape]:
    return {
        'ray_node_cpu_utilization{ip="10.0.0.1"}': steps(30, 90),
        'ray_node_cpu_utilization{ip="10.0.0.2"}': steps(30, 99),
        'ray_node_mem_used{ip="10.0.0.1"}': steps(4 * GB, 15 * GB),
        'ray_node_mem_total{ip="10.0.0.1"}': stays(16 * GB),
        'ray_node_disk_usage{ip="10.0.0.1"}': stays(50 * GB),
        'ray_node_disk_free{ip="10.0.0.1"}': stays(50 * GB),
        'ray_node_disk_usage{ip="10.0.0.2"}': steps(50 * GB, 98 * GB),
        'ray_node_disk_free{ip="10.0.0.2"}': steps(50 * GB, 2 * GB),
        'ray_system_disk_free_bytes{mount_point="/data"}': falls(100 * GB, 0.05 * GB),
        'ray_certificate_expiry_timestamp_seconds{file="door.pem"}': steps(at + 60 * DAY, at + 10 * DAY),
        'ray_certificate_expiry_timestamp_seconds{file="head.pem"}': steps(at + 60 * DAY, at + DAY),
        'ray_clock_skew_seconds{reference="database"}': steps(0, 30),
    }


def _boxes(at: float) -> World:
    """Most boxes are silent, and the watch itself is."""
    boxes: dict[str, Shape] = {
        'ray_edge_devices{state="silent"}': steps(0, 5),
        'ray_edge_devices{state="well"}': steps(6, 1),
        GATEWAY: steps(1, None),
    }
    return World([Node(A, _well(at) | boxes)], [{"alertname": "EdgeFleetSilent"}, {"alertname": "WatchSilent"}])


def _lost_node(at: float) -> World:
    missing: dict[str, Shape] = {
        'ray_pipeline_worker_health{worker_id="recognizer-blue/1",worker_type="recognizer"}': steps(1, 0)
    }
    gone = Node(B, {"ray_node_mem_total": stays(16 * GB)}, ends=True)
    return World([Node(A, _well(at) | missing), gone], [{"alertname": "NodeDown"}])


def _dark(at: float) -> World:
    return World([Node(A, _well(at), ends=True)], [{"alertname": "ClusterUnreachable"}])


def _burning(at: float) -> World:
    """After six good hours nothing is as it was promised."""
    total, notice = 'stage="total",release="r"', 'channel="mail",notification_type="known"'
    promised: dict[str, Shape] = {
        'ray_pipeline_events_total{status="recorded",release="r"}': counts(5, 0),
        'ray_pipeline_events_total{status="failed",release="none"}': counts(0, 5),
        f"ray_pipeline_processing_duration_seconds_count{{{total}}}": counts(5, 5),
        f'ray_pipeline_processing_duration_seconds_bucket{{{total},le="0.05"}}': counts(5, 0),
        "ray_enrolment_freshness_seconds_count": counts(0.1, 0.1),
        'ray_enrolment_freshness_seconds_bucket{le="5.0"}': counts(0.1, 0),
        f'ray_notifications_sent_total{{{notice},status="delivered"}}': counts(1, 0),
        f'ray_notifications_sent_total{{{notice},status="gave_up"}}': counts(0, 1),
    }
    told = [{"alertname": f"{name}BudgetBurns", "window": window} for name in BUDGETS for window in ("1h", "6h")]
    return World([Node(A, _well(at) | promised)], told)
