"""What the watch reads from a database, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from cluster.security.api_keys import KeyStore, Scope, id_of
from cluster.security.audit import AuditBroken, Whole, follow, walk
from serve_apps.database import connect
from serve_apps.events import store
from serve_apps.faces import Frame, Recognition, Trigger
from serve_apps.notifications import outbox
from serve_apps.watch import household as household_module
from serve_apps.watch import machine
from serve_apps.watch.household import Household, midnight
from serve_apps.watch.parts import fresh
from serve_apps.watch.trail import Trail
from tests.noted import Noted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    engine = connect(database)
    yield engine
    engine.dispose()


def happened(engine: sa.Engine, *cameras: str, at: datetime = NOW) -> None:
    with engine.begin() as connection:
        for camera in cameras:
            count = connection.scalar(sa.select(sa.func.count()).select_from(store.events))
            frame = Frame(f"frame-{count}", camera, at, at, Trigger.BUTTON, b"")
            event = store.insert(connection, frame, Recognition((), "release-1"))
            outbox.add(connection, event, ("log",), at)


def test_todays_events_are_counted_by_camera_those_of_devices_first_and_the_rest_together(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(household_module, "CAMERAS", 2)
    happened(engine, "porch", "busy", "busy", "rare", "odd")
    happened(engine, "porch", at=NOW - timedelta(days=1))
    noted = Noted()

    Household(engine, noted, lambda: NOW, UTC).cameras(lambda: ["porch"])

    shown = {key[1]: value for key, value in noted.gauges.items()}
    assert shown == {"porch": 1, "busy": 2, "other": 2}


def test_a_camera_without_events_on_the_next_day_is_not_shown(engine: sa.Engine) -> None:
    happened(engine, "porch")
    noted, now = Noted(), NOW
    look = fresh(noted, lambda gauges: partial(Household(engine, gauges, lambda: now, UTC).cameras, list))
    look()
    now += timedelta(days=1)
    look()

    assert noted.gauges == {("camera_events_today", "other"): 0}


def test_notices_that_are_due_wait_in_the_outbox(engine: sa.Engine) -> None:
    happened(engine, "porch", "porch")
    happened(engine, "porch", at=NOW + timedelta(hours=1))
    noted = Noted()
    Household(engine, noted, lambda: NOW, None).counts()

    assert noted.gauges == {("known_faces_database_size",): 0, ("pipeline_queue_size", "outbox"): 2}


@pytest.mark.parametrize("zone", [ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York"), UTC])
def test_midnight_is_the_houses(zone: ZoneInfo) -> None:
    began = midnight(NOW, zone)

    assert began <= NOW < began + timedelta(days=1)
    assert began.astimezone(zone).hour == 0


def test_what_is_written_into_the_trail_after_the_start_is_counted_once(engine: sa.Engine) -> None:
    keys, noted = KeyStore(engine), Noted()
    keys.create("before", frozenset({Scope.FRAMES}), NOW)
    trail = Trail(engine, noted)
    trail.look()
    made = keys.create("after", frozenset({Scope.FRAMES}), NOW)
    trail.look()
    keys.revoke(id_of(made), NOW)
    trail.look()
    trail.look()

    assert noted.counted == {
        ("security_events_total", "key_created", "cli", "recorded"): 1,
        ("security_events_total", "key_revoked", "cli", "recorded"): 1,
    }


def test_a_trail_that_was_written_anew_is_told_at_each_look(engine: sa.Engine) -> None:
    keys, noted = KeyStore(engine), Noted()
    for _ in range(3):
        keys.create("key", frozenset({Scope.FRAMES}), NOW)
    whole = walk(engine)
    assert list(follow(engine, whole)) == []

    with pytest.raises(AuditBroken, match="row 3 is not as it was"):
        list(follow(engine, Whole(3, "0" * 64)))
    with pytest.raises(AuditBroken, match="cut off"):
        list(follow(engine, Whole(4, whole.head)))
    trail = Trail(engine, noted)
    trail._known = Whole(4, whole.head)
    for _ in range(2):
        with pytest.raises(AuditBroken):
            trail.look()
    assert noted.counted == {("security_events_total", "audit_broken", "other", "recorded"): 2}


def test_only_a_database_with_a_clock_is_compared_with_it(engine: sa.Engine) -> None:
    noted = Noted()
    machine.clock(engine, noted)

    if engine.dialect.name == "postgresql":
        assert abs(noted.gauges["clock_skew_seconds", "database"]) < 60
    else:
        assert not noted.gauges
