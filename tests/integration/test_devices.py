from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from cluster.security.api_keys import KeyCheck, KeyStore, Scope, id_of, insert
from cluster.security.device_codes import CodeNotValid, DeviceCodes, Enrolled
from cluster.security.devices import (
    DeviceInUse,
    DeviceState,
    DeviceStore,
    Heartbeat,
    Turn,
    UnknownDevice,
    silent_after,
)
from serve_apps.database import MIGRATIONS, connect, migrate
from serve_apps.events.event import EventFilter
from serve_apps.events.store import EventStore
from serve_apps.notifications.channels import LogChannel
from serve_apps.notifications.courier import LOOK_EVERY, Courier
from serve_apps.notifications.outbox import Outbox
from serve_apps.notifications.rules import Rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FRAMES = frozenset({Scope.FRAMES})
REPORT = {"version": "0.1.0", "cameras": [{"id": "front", "state": "well"}], "spool": {"frames": 3, "bytes": 9}}
LONG_AGO = NOW - timedelta(days=1)
LATE = timedelta(seconds=silent_after(30) + 1)


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    engine = connect(database)
    yield engine
    engine.dispose()


@pytest.fixture
def devices(engine: sa.Engine) -> DeviceStore:
    return DeviceStore(engine)


@pytest.fixture
def codes(engine: sa.Engine) -> DeviceCodes:
    return DeviceCodes(engine)


def an_hour(codes: DeviceCodes, name: str = "porch") -> str:
    return codes.issue(name, NOW, NOW + timedelta(hours=1))


def heard(devices: DeviceStore, device_id: str, now: datetime = NOW, **changes: Any) -> None:
    devices.heard(device_id, Heartbeat(**{"report": REPORT, "clock": now} | changes), now)


# enrolment


def test_a_code_gives_a_device_with_a_key_that_opens(engine: sa.Engine, codes: DeviceCodes) -> None:
    device = codes.redeem(an_hour(codes), NOW)

    key = KeyCheck(KeyStore(engine))(device.key, NOW)
    assert (key.id, key.name, key.scopes) == (device.id, "porch", FRAMES)
    assert DeviceStore(engine).device(device.id).state(NOW) is DeviceState.NEVER_SEEN


def test_eight_that_use_one_code_at_once_get_one_key(engine: sa.Engine, codes: DeviceCodes) -> None:
    code, start = an_hour(codes), threading.Barrier(8)

    def redeem(_: int) -> Enrolled | None:
        start.wait()
        try:
            return codes.redeem(code, NOW)
        except CodeNotValid:
            return None

    with ThreadPoolExecutor(8) as pool:
        given = [device for device in pool.map(redeem, range(8)) if device]

    assert len(given) == 1
    assert [key.id for key in KeyStore(engine).all()] == [given[0].id]


def test_a_code_ends_at_its_end(codes: DeviceCodes, engine: sa.Engine) -> None:
    code = an_hour(codes)

    with pytest.raises(CodeNotValid):
        codes.redeem(code, NOW + timedelta(hours=1))

    assert KeyStore(engine).all() == []
    assert codes.redeem(code, NOW + timedelta(minutes=59)).name == "porch"


def test_when_no_key_can_be_made_the_code_stays_good(engine: sa.Engine, codes: DeviceCodes) -> None:
    code = an_hour(codes)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE devices RENAME TO devices_away")
    with pytest.raises(sa.exc.DBAPIError):
        codes.redeem(code, NOW)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE devices_away RENAME TO devices")

    assert KeyStore(engine).all() == []
    assert codes.redeem(code, NOW).name == "porch"


# heartbeats


def test_a_heartbeat_is_kept_in_the_place_of_the_one_before(engine: sa.Engine, devices: DeviceStore) -> None:
    key = id_of(KeyStore(engine).create("garage", FRAMES, NOW))
    heard(devices, key)
    later = NOW + timedelta(seconds=30)

    heard(devices, key, later, report=REPORT | {"version": "0.2.0"}, clock=later - timedelta(days=365), every_seconds=5)

    (device,) = devices.all()
    assert (device.id, device.name, device.enrolled_at, device.last_seen) == (key, "garage", NOW, later)
    assert device.report == REPORT | {"version": "0.2.0"}
    assert device.clock_offset_seconds == 365 * 86_400
    assert device.every_seconds == 5


def test_heartbeats_of_many_devices_at_once_are_all_kept(engine: sa.Engine, devices: DeviceStore) -> None:
    ids = [id_of(KeyStore(engine).create(f"door {number}", FRAMES, NOW)) for number in range(16)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda device: heard(devices, device), ids * 3))

    assert {device.id for device in devices.all()} == set(ids)


def test_a_device_is_silent_until_it_is_heard_again(devices: DeviceStore, codes: DeviceCodes) -> None:
    device = codes.redeem(an_hour(codes), NOW).id
    heard(devices, device)

    assert devices.device(device).state(NOW + timedelta(seconds=100)) is DeviceState.WELL
    assert devices.device(device).state(NOW + LATE) is DeviceState.SILENT
    heard(devices, device, NOW + LATE)
    assert devices.device(device).state(NOW + LATE) is DeviceState.WELL


# turns


def test_silence_is_told_once_and_so_is_its_end(devices: DeviceStore, codes: DeviceCodes) -> None:
    device = codes.redeem(an_hour(codes), NOW).id
    codes.redeem(an_hour(codes, "never seen"), NOW)
    heard(devices, device)

    assert devices.turned(NOW + timedelta(seconds=90), LONG_AGO) == []
    assert devices.turned(NOW + LATE, LONG_AGO) == [Turn(device, "porch", True, NOW)]
    assert devices.turned(NOW + 2 * LATE, LONG_AGO) == []
    heard(devices, device, NOW + 3 * LATE)
    assert devices.turned(NOW + 3 * LATE, LONG_AGO) == [Turn(device, "porch", False, NOW + 3 * LATE)]
    assert devices.turned(NOW + 3 * LATE, LONG_AGO) == []
    assert devices.turned(NOW + 5 * LATE, LONG_AGO) == [Turn(device, "porch", True, NOW + 3 * LATE)]


def test_nobody_is_silent_for_the_time_in_which_the_cluster_did_not_listen(
    devices: DeviceStore, codes: DeviceCodes
) -> None:
    heard(devices, device := codes.redeem(an_hour(codes), NOW).id)
    started = NOW + timedelta(hours=1)

    assert devices.turned(started, started) == []
    assert devices.turned(started + timedelta(seconds=99), started) == []
    assert devices.turned(started + LATE, started) == [Turn(device, "porch", True, NOW)]


def test_four_couriers_tell_of_a_silence_once(engine: sa.Engine, devices: DeviceStore) -> None:
    for number in range(5):
        heard(devices, id_of(KeyStore(engine).create(f"door {number}", FRAMES, NOW)))
    start = threading.Barrier(4)

    def look(_: int) -> list[Turn]:
        start.wait()
        return devices.turned(NOW + LATE, LONG_AGO)

    with ThreadPoolExecutor(4) as pool:
        told = [turn.name for turns in pool.map(look, range(4)) for turn in turns]

    assert sorted(told) == [f"door {number}" for number in range(5)]


def test_a_heartbeat_that_comes_in_between_is_no_silence(devices: DeviceStore, codes: DeviceCodes) -> None:
    device = codes.redeem(an_hour(codes), NOW).id
    heard(devices, device)
    read = SimpleNamespace(id=device, name="porch", last_seen=NOW.timestamp(), silent_since=None)
    heard(devices, device, NOW + LATE)

    assert devices._told(read) is None
    assert devices.turned(NOW + LATE, LONG_AGO) == []


def test_a_key_that_will_end_one_day_is_well_until_then(engine: sa.Engine, devices: DeviceStore) -> None:
    ending = id_of(KeyStore(engine).create("for a day", FRAMES, NOW, NOW + timedelta(days=1)))
    heard(devices, ending)

    assert devices.device(ending).state(NOW) is DeviceState.WELL
    assert devices.device(ending).state(NOW + timedelta(days=1)) is DeviceState.REVOKED


def test_a_revoked_device_is_not_missed(engine: sa.Engine, devices: DeviceStore, codes: DeviceCodes) -> None:
    device = codes.redeem(an_hour(codes), NOW).id
    ending = id_of(KeyStore(engine).create("for a minute", FRAMES, NOW, NOW + timedelta(minutes=1)))
    for each in (device, ending):
        heard(devices, each)
    KeyStore(engine).revoke(device, NOW)

    assert devices.turned(NOW + LATE, LONG_AGO) == []
    assert [each.state(NOW + LATE) for each in devices.all()] == [DeviceState.REVOKED] * 2


def test_the_courier_logs_who_went_silent(
    engine: sa.Engine, devices: DeviceStore, codes: DeviceCodes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard(devices, device := codes.redeem(an_hour(codes), NOW).id)
    moments = iter([NOW, NOW + LATE, NOW + LATE + LOOK_EVERY / 2, NOW + LATE + LOOK_EVERY, NOW + LATE + 2 * LOOK_EVERY])
    courier = Courier(Outbox(engine), Rules, LogChannel(tmp_path / "log"), lambda: next(moments), devices.turned)

    with caplog.at_level(logging.INFO):
        for _ in range(3):
            courier.round()
        heard(devices, device, NOW + LATE)
        courier.round()

    said = [record.getMessage().split(" name")[0] for record in caplog.records]
    assert said == [f"device.silent id={device}", f"device.back id={device}"]


def test_the_courier_looks_again_when_its_clock_was_set_back(engine: sa.Engine, tmp_path: Path) -> None:
    moments, looks = iter([NOW, NOW, NOW - 100 * LOOK_EVERY, NOW]), list[datetime]()
    courier = Courier(
        Outbox(engine),
        Rules,
        LogChannel(tmp_path / "log"),
        lambda: next(moments),
        lambda now, _: looks.append(now) or [],
    )

    for _ in range(2):
        courier.round()

    assert looks == [NOW, NOW - 100 * LOOK_EVERY]


# ends


def test_only_a_device_whose_key_has_ended_is_forgotten(
    engine: sa.Engine, devices: DeviceStore, codes: DeviceCodes
) -> None:
    device = codes.redeem(an_hour(codes), NOW)

    with pytest.raises(DeviceInUse):
        devices.forget(device.id, NOW)
    KeyStore(engine).revoke(device.id, NOW)
    devices.forget(device.id, NOW)

    assert devices.all() == []
    assert KeyCheck(KeyStore(engine))(device.key, NOW) is None
    with pytest.raises(UnknownDevice):
        devices.forget(device.id, NOW)


def test_revoking_one_device_leaves_the_others(engine: sa.Engine, devices: DeviceStore, codes: DeviceCodes) -> None:
    first, second = (codes.redeem(an_hour(codes, name), NOW) for name in ("first", "second"))
    KeyStore(engine).revoke(first.id, NOW)

    assert {device.name: device.state(NOW).value for device in devices.all()} == {
        "first": "revoked",
        "second": "never seen",
    }
    assert KeyCheck(KeyStore(engine))(second.key, NOW) is not None


# migration


def test_a_database_of_the_first_version_keeps_what_is_in_it(empty: str) -> None:
    engine = connect(empty)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with engine.begin() as connection:
        key = insert(connection, "old", FRAMES, NOW)
    first = sa.text(
        "INSERT INTO events (id, frame_id, frame_sha256, camera_id, captured_at, received_at, trigger, verdict,"
        " release, faces) VALUES ('e', 'f', 's', 'front', :now, :now, 'button', 'no_face', 'r', '[]')"
    )
    with engine.begin() as connection:
        connection.execute(first.bindparams(sa.bindparam("now", NOW.replace(tzinfo=None), sa.DateTime)))

    migrate(engine)

    (event,) = EventStore(engine).newest_first(EventFilter(), 10)
    assert (event.frame_id, event.captured_at, event.clock_offset_seconds, event.trace_id) == ("f", NOW, None, None)
    devices = DeviceStore(engine)
    heard(devices, id_of(key))
    assert [device.name for device in devices.all()] == ["old"]
