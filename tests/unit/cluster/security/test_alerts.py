from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from cluster.security.alerts import Alert, AlertStore, alerts, one_line
from cluster.security.audit import metadata, newest
from serve_apps.database import connect

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path}/doorbell.db")
    metadata.create_all(engine)
    return engine


def an_alert(fingerprint: str = "f1", starts_at: datetime = NOW) -> Alert:
    return Alert(fingerprint, starts_at, "TooSlow", "p99 is 3 s")


def test_the_same_alert_is_kept_once_and_is_in_the_audit_trail(engine: Engine) -> None:
    store = AlertStore(engine)

    assert store.keep([an_alert()], "key 1", NOW) == 1
    assert store.keep([an_alert(), an_alert("f2"), an_alert(starts_at=NOW + HOUR)], "key 1", NOW) == 2
    assert store.keep([an_alert("f2")], "key 1", NOW) == 0
    assert [(row.actor, row.object) for row in newest(engine, 9)] == [("key 1", f) for f in ("f1", "f2", "f1")]


def test_only_what_began_afterwards_is_found(engine: Engine) -> None:
    store = AlertStore(engine)
    store.keep([an_alert()], "key 1", NOW + HOUR)

    assert store.first_since(NOW) is None
    assert store.first_since(NOW - HOUR) == an_alert()


def test_an_alert_from_the_future_begins_when_it_comes(engine: Engine) -> None:
    store = AlertStore(engine)
    store.keep([an_alert(starts_at=NOW + 1000 * HOUR)], "key 1", NOW)

    assert store.first_since(NOW - HOUR) is not None
    assert store.first_since(NOW + HOUR) is None


def test_the_newest_are_kept(engine: Engine) -> None:
    store = AlertStore(engine, kept=3)
    for number in range(5):
        store.keep([an_alert(f"f{number}")], "key 1", NOW)

    with engine.connect() as connection:
        assert list(connection.scalars(sa.select(alerts.c.fingerprint))) == ["f2", "f3", "f4"]


def test_what_an_alert_says_can_be_printed_on_one_line() -> None:
    assert one_line("too\n slow \x1b[31m\x00 now", 100) == "too slow [31m now"
    assert one_line("ab" * 100, 5) == "ababa"
