"""The whole chain: the application under load, a real Prometheus, a real Alertmanager, and somebody who is told."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import httpx
import pytest

from benchmarks.doors import Doors
from benchmarks.observe.faults import FAULTS, Told, told
from benchmarks.observe.house import House
from cluster.monitoring import rule_files
from cluster.monitoring.objectives import load
from cluster.monitoring.questions import Prometheus
from tests.conftest import eventually

RESOLVED = ("SecurityEvent", "PipelineWorkerDown", "HighErrorRate", "DiskAlmostFull")


def values(house: House, query: str) -> list[float]:
    now = datetime.now(UTC)
    return [value for series in Prometheus(house.prometheus).at(query, now) for value in series.values.values()]


def test_every_target_is_found_without_being_told_of(observed_house: House) -> None:
    assert eventually(lambda: sum(values(observed_house, 'up{job="ray"}')) >= 1)
    assert eventually(lambda: values(observed_house, 'up{job="haproxy"}') == [1.0])


def test_every_rule_is_loaded_and_none_fails(observed_house: House) -> None:
    asked = httpx.get(f"{observed_house.prometheus}/api/v1/rules").json()["data"]["groups"]
    assert {group["file"].rsplit("/", 1)[1] for group in asked} == {file.name for file in rule_files.all_files()}
    failed = [rule for group in asked for rule in group["rules"] if rule["health"] == "err"]
    assert not failed


@pytest.mark.parametrize(
    "query",
    [
        'pipeline_events_total{status="recorded"}',
        'pipeline_events_total{status="failed",release="none"} >= 0',
        'pipeline_processing_duration_seconds_bucket{stage="total",le="0.05"}',
        "pipeline_worker_health == 1",
        "system_cpu_usage_percent",
        "100 * system_memory_usage_bytes / system_memory_total_bytes",
        "system_disk_usage_percent",
        "system_disk_free_bytes",
        "100 * node_disk_usage_bytes / (node_disk_usage_bytes + node_disk_free_bytes)",
        "known_faces_database_size > 0",
        "face_recognition_accuracy",
        'notifications_sent_total{status="delivered"}',
        "certificate_expiry_timestamp_seconds > 0",
        "edge_device_silent == 0",
        "edge_device_spool_frames == 3",
        "watch_part_timestamp_seconds > 0",
        "enrolment_freshness_seconds_count",
        'enrolment_freshness_seconds_bucket{le="5.0"}',
        "ray_backup_last_snapshot_timestamp_seconds",
    ],
)
def test_what_the_rules_go_by_is_there_under_load(observed_house: House, query: str) -> None:
    assert eventually(lambda: values(observed_house, query))


def test_shares_of_bad_events_are_recorded_for_every_objective_that_has_events(observed_house: House) -> None:
    for objective in load():
        bad, events = (f'slo_{name}{{objective="{objective.name}",window="1h"}}' for name in ("bad_share", "events"))
        there = f"{bad} >= 0 or {events} == 0"
        assert eventually(lambda there=there: values(observed_house, there)), objective.name
    bad = 'slo_bad_share{objective="availability",window="1h"} < 0.05'
    assert eventually(lambda: values(observed_house, bad))


@pytest.fixture(scope="module")
def heard(observed: tuple[House, Doors]) -> dict[str, Told]:
    """Everything goes wrong at once, and is put right as soon as somebody was told of it."""
    house, doors = observed
    assert eventually(lambda: len(doors.heard) > 40)
    return {each.name: each for each in told(house, until_resolved=RESOLVED)}


@pytest.mark.parametrize("alert", [fault.alert for fault in FAULTS])
def test_whoever_is_responsible_is_told_of_a_real_fault(heard: dict[str, Told], alert: str) -> None:
    if alert not in heard:
        pytest.skip("a small disk cannot be mounted here")
    print(f"{alert}: {heard[alert].seconds_to_receive} s, over after {heard[alert].seconds_to_resolve} s")
    assert heard[alert].seconds_to_receive is not None


@pytest.mark.parametrize("alert", RESOLVED)
def test_they_are_told_that_it_is_over(heard: dict[str, Told], alert: str) -> None:
    if alert not in heard:
        pytest.skip("a small disk cannot be mounted here")
    assert heard[alert].seconds_to_resolve is not None


def test_an_alert_says_what_where_and_what_to_do(heard: dict[str, Told], observed_house: House) -> None:
    alert = observed_house.outside.inbox.first({"alertname": "PipelineWorkerDown", "worker_type": "courier"}, 1)
    assert alert is not None
    assert alert.annotations["value"] == "no courier in courier/0"
    assert alert.annotations["runbook"] == "docs/runbooks/worker-down.md"


def test_doors_are_answered_again_when_all_is_over(heard: dict[str, Told], observed: tuple[House, Doors]) -> None:
    doors, since = observed[1], time.monotonic()
    assert eventually(lambda: len(doors.since(since)) > 10)
    assert not [posted.failed for posted in doors.since(since)[3:] if posted.failed]
