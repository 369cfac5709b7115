from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cluster.security.devices import Device
from serve_apps.watch.fleet import Fleet, cameras
from serve_apps.watch.parts import fresh
from tests.noted import Noted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def device(number: int, seen: timedelta, offset: float, name: str = "porch", **report: object) -> Device:
    return Device(f"id-{number}", name, NOW, None, NOW - seen, 30.0, offset, dict(report))


def test_devices_are_shown_by_name_and_those_that_miss_three_heartbeats_as_silent() -> None:
    noted = Noted()
    spool = {"frames": 7, "bytes": 1}
    found = [
        device(1, timedelta(seconds=5), 0.5, spool=spool, dropped={"full": 2, "old": 1}, temperature_celsius=50.5),
        device(2, timedelta(hours=1), 9.0, name="gate\n", spool=spool),
    ]
    Fleet(lambda: found, noted, lambda: NOW).look()

    assert noted.gauges["edge_devices", "ok"] == noted.gauges["edge_devices", "silent"] == 1
    assert noted.gauges["pipeline_queue_size", "edge_spool"] == 14
    assert noted.gauges["edge_device_dropped_frames", "porch"] == 3
    assert noted.gauges["edge_device_silent", "gate\n"] == 1
    assert noted.gauges["clock_skew_seconds", "devices"] == 0.5
    assert noted.gauges["edge_device_temperature_celsius", "porch"] == 50.5


def test_two_devices_of_one_name_are_told_apart_and_a_revoked_one_is_none() -> None:
    noted = Noted()
    gone = Device("id-3", "old", NOW, NOW, NOW, 30.0, 0.0, {})
    Fleet(lambda: [device(1, timedelta(), 0), device(2, timedelta(), 0), gone], noted, lambda: NOW).look()

    shown = {key[1] for key in noted.gauges if key[0] == "edge_device_silent"}
    assert shown == {"porch id-1", "porch id-2"}


def test_cameras_are_those_of_the_oldest_device_first_and_each_once() -> None:
    front, back = {"id": "front", "state": "well"}, {"id": "back", "state": "well"}
    found = [device(1, timedelta(), 0, cameras=[front]), device(2, timedelta(), 0, cameras=[back, front])]

    assert cameras(found) == ["front", "back"]


def test_what_devices_said_of_their_clocks_is_gone_when_all_are_silent() -> None:
    noted, found = Noted(), [device(1, timedelta(), 9.0, temperature_celsius=50.5)]
    look = fresh(noted, lambda gauges: Fleet(lambda: found, gauges, lambda: NOW).look)
    look()
    found[0] = device(1, timedelta(hours=1), 9.0)
    look()

    assert ("clock_skew_seconds", "devices") not in noted.gauges
    assert ("edge_device_temperature_celsius", "porch") not in noted.gauges
    assert noted.gauges["edge_device_silent", "porch"] == 1
