"""Every metric as Prometheus would find it: scraped from the agents of a real cluster under real traffic."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from benchmarks.observe.scrape import counted, scraped, series
from cluster.monitoring.metrics import FAMILIES
from cluster.security.api_keys import KeyStore, Scope, id_of
from cluster.temporary import temp_folder
from samples.frames import PHOTOS
from serve_apps.database import connect
from tests.conftest import eventually
from tests.integration.conftest import RunningCluster
from tests.integration.test_cluster import post

TRIGGERED = ("pipeline_events_total", "doorbell_triggers_total", "face_recognition_requests_total")
SECURITY = (("key_unknown", "frames"), ("key_created", "cli"), ("person_erased", "people"))
NEVER_HERE = {
    "certificate_expiry_timestamp_seconds",  # no certificate is named
    "telemetry_dropped_total",  # nothing is lost
    "rollout_step_started_timestamp_seconds",  # no rollout yet
}
RAYS = ("ray_node_cpu_utilization", "ray_node_mem_used", "ray_node_mem_total")
"""What recording rules make system_cpu_usage_percent and its like from."""

Series = dict[str, dict[tuple[tuple[str, str], ...], float]]


def seen(cluster: RunningCluster) -> Series:
    return series(scraped(temp_folder(cluster.data)))


def total(found: Series, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(value for given, value in found.get(f"ray_{name}", {}).items() if wanted <= set(given))


def security(found: Series, event: str, source: str) -> float:
    return total(found, "security_events_total", event_type=event, source=source)


def heartbeat(every_seconds: int) -> dict[str, object]:
    """Of a box that means to be heard that often: every second, and it falls silent."""
    spool = {"frames": 3, "bytes": 1}
    said = {"version": "1", "cameras": [], "spool": spool, "uptime_seconds": 1, "temperature_celsius": 50}
    return said | {"clock": datetime.now(UTC).isoformat(), "every_seconds": every_seconds}


@pytest.fixture(scope="module")
def before(cluster: RunningCluster) -> Series:
    """What the cluster showed before this module did anything."""
    return eventually(lambda: (found := seen(cluster)).get("ray_face_recognition_accuracy") and found, 120)


@pytest.fixture(scope="module")
def after(cluster: RunningCluster, before: Series, frames: dict[str, bytes]) -> Iterator[Series]:
    """The same after frames, a wrong key, a new key, an enrolment, a device that fell silent."""
    photo = (PHOTOS / "stranger-1.jpg").read_bytes()
    keys = KeyStore(connect(f"sqlite:///{cluster.data}/doorbell.db"))
    boxes = {every: keys.create(f"box {every}", frozenset({Scope.FRAMES}), datetime.now(UTC)) for every in (1, 600)}
    with cluster.client() as api:
        for name, image in frames.items():
            post(api, image, camera=f"measured-{name}").raise_for_status()
        api.post("/api/v1/recognition/faces", params={"subject": "Measured"}, content=photo).raise_for_status()
        assert post(api, photo).json()["verdict"] == "known"
        api.delete("/api/v1/recognition/subjects/Measured").raise_for_status()
    with cluster.client("db_000000000000_" + "x" * 43) as stranger:
        assert post(stranger, photo).status_code == 401
    for every, box in boxes.items():
        with cluster.client(box) as device:
            device.post("/api/v1/devices/heartbeat", json=heartbeat(every)).raise_for_status()

    def all_there() -> Series | None:
        found = seen(cluster)
        cameras = any("measured-nobody" in str(key) for key in found.get("ray_camera_events_today", {}))
        silent = total(found, "edge_devices", state="silent") and total(found, "errors_total", component="courier")
        moved = all(total(found, name) >= total(before, name) + len(frames) for name in TRIGGERED)
        told = all(security(found, *each) > security(before, *each) for each in SECURITY)
        return found if cameras and silent and moved and told else None

    found = eventually(all_there, 150)
    assert found, "what was done does not show"
    yield found
    for box in boxes.values():
        keys.revoke(id_of(box), datetime.now(UTC))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_is_there(after, family):
    if family.name in NEVER_HERE:
        pytest.skip("it has nothing to say on this cluster")
    name = f"{family.exported}_count" if family.kind == "histogram" else family.exported

    assert after.get(name)


@pytest.mark.parametrize("name", RAYS)
def test_what_ray_says_of_its_nodes_is_there(after, name):
    assert after.get(name)


def test_frames_move_events_triggers_faces_and_every_stage(before, after, frames):
    for name in TRIGGERED:
        assert total(after, name) >= total(before, name) + len(frames)
    stages = {dict(key)["stage"] for key in after["ray_pipeline_processing_duration_seconds_count"]}
    assert stages >= {"admit", "lookup", "recognize", "decode", "detect", "align", "embed", "match", "record", "total"}
    assert "refresh" in stages


def test_a_wrong_key_a_new_one_and_an_erased_person_are_security_events(before, after):
    for event, source in SECURITY:
        assert security(after, event, source) - security(before, event, source) >= 1, event


def test_notices_are_counted_by_channel_with_what_passed_since_the_trigger(after):
    assert total(after, "notifications_sent_total", channel="json", status="delivered") > 0
    assert total(after, "press_to_notification_seconds_count", channel="json") > 0


def test_the_watch_sees_replicas_releases_devices_disks_and_golden_frames(after):
    assert total(after, "pipeline_worker_health", worker_id="watch/0", worker_type="watch") == 1
    assert total(after, "release_weight") == 100
    assert total(after, "edge_device_spool_frames") >= 3  # other tests' boxes may have some, too
    assert set(after["ray_system_disk_free_bytes"]) >= {(("mount_point", "/"),)}
    assert list(after["ray_face_recognition_accuracy"].values()) == [1.0]


def test_no_label_has_a_value_that_its_family_does_not_take(cluster, after):
    for family in FAMILIES:
        for given in after.get(family.exported, {}):
            for label in family.labels:
                value = dict(given)[label.name]
                assert not label.values or value in (*label.values, "other"), (family.name, value)
    ours, all_of_them = counted(scraped(temp_folder(cluster.data)))
    assert 0 < ours < all_of_them
