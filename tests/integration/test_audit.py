"""The audit trail and alerts on both engines, with several writers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from cluster.deployment.history import History
from cluster.deployment.rollout import Plan, Rollout, Step
from cluster.security.alerts import Alert, AlertStore
from cluster.security.api_keys import KeyStore, Scope
from cluster.security.audit import Act, append, audit, newest, walk
from serve_apps.database import connect, migrate

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
WRITERS = 6


@pytest.fixture
def engine(empty: str) -> Iterator[sa.Engine]:
    engine = connect(empty)
    migrate(engine)
    yield engine
    engine.dispose()


def test_writers_at_once_make_one_chain(engine: sa.Engine) -> None:
    """Acts of several kinds, whose transactions hold other rows and locks when they come to the trail."""
    start = threading.Barrier(WRITERS)
    keys, history, alerts = KeyStore(engine), History(engine), AlertStore(engine)
    number = history.claim(NOW)

    def write(writer: int) -> None:
        start.wait()
        for turn in range(5):
            if writer == 0:
                row = Rollout(f"r{turn}", "new-1", "0" * 64, "green", "old-1", Step.COMPLETED, 0, Plan(), NOW, NOW)
                history.write(row, number, NOW)
            elif writer == 1:
                alerts.keep([Alert(f"f{turn}", NOW, "ü", "½")], "key 1", NOW)
            else:
                keys.create("test", frozenset({Scope.ALERTS}), NOW)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))

    rows = newest(engine, 100)
    assert walk(engine).rows == len(rows) == 5 * WRITERS
    assert walk(engine, rows[3].hash).head == rows[-1].hash


def test_a_row_can_be_neither_changed_nor_removed(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        append(connection, "key 1", NOW, [Act("person.added", "a", {"share": 12.5, "why": None, "ü": ["½"]})])

    for statement in (audit.delete(), audit.update().values(actor="x")):
        with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="the audit trail only grows"):
            connection.execute(statement)

    assert walk(engine).rows == 1


def test_the_same_alert_from_two_replicas_of_alertmanager_is_kept_once(engine: sa.Engine) -> None:
    start, store = threading.Barrier(2), AlertStore(engine)
    found = [Alert(f"f{number}", NOW, "Slow", "") for number in range(5)]

    def keep(_: int) -> int:
        start.wait()
        return store.keep(found, "key 1", NOW)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(keep, range(2))) == [0, 5]
    assert store.first_since(NOW - timedelta(seconds=1)) == found[0]
    assert store.first_since(NOW) is None
