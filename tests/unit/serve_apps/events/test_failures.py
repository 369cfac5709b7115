from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from serve_apps.database import connect
from serve_apps.events import failures
from serve_apps.events.failures import FailedTry, Failures
from serve_apps.tables import metadata, recognition_failures

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = connect(f"sqlite:///{tmp_path}/doorbell.db")
    yield made
    made.dispose()


def failed(number: int) -> FailedTry:
    return FailedTry(NOW, "recognizer-green", "front-door", None, f"error {number}")


def kept(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.select(recognition_failures.c.error)))


def test_noting_does_not_wait_and_one_thread_writes(engine: sa.Engine) -> None:
    metadata.create_all(engine)
    submitted: list[Callable[[], None]] = []
    log = Failures(engine, submitted.append)

    log.note(failed(1))
    log.note(failed(2))

    assert (len(submitted), kept(engine)) == (1, [])
    submitted[0]()
    assert kept(engine) == ["error 1", "error 2"]
    log.note(failed(3))
    assert len(submitted) == 2


def test_only_the_newest_are_kept(engine: sa.Engine) -> None:
    metadata.create_all(engine)
    log = Failures(engine, lambda write: write(), kept=3)

    for number in range(5):
        log.note(failed(number))

    assert kept(engine) == ["error 2", "error 3", "error 4"]


def test_a_database_that_is_away_drops_them_with_a_count(engine: sa.Engine, caplog: pytest.LogCaptureFixture) -> None:
    log = Failures(engine, lambda write: write())

    log.note(failed(1))
    assert "failures.dropped count=1: OperationalError" in caplog.text

    metadata.create_all(engine)
    log.note(failed(2))
    assert kept(engine) == ["error 2"]


def test_whatever_one_batch_meets_the_next_one_is_written(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    metadata.create_all(engine)
    log = Failures(engine, lambda write: write())
    with monkeypatch.context() as patch:
        patch.setattr(failures, "in_commit_order", lambda *_: os.open("/nowhere/at/all", os.O_RDONLY))
        log.note(failed(1))
    log.note(failed(2))

    assert "failures.dropped count=1: FileNotFoundError" in caplog.text
    assert kept(engine) == ["error 2"]


def test_too_many_at_once_are_counted_and_not_kept(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(failures, "MOST_WAITING", 2)
    metadata.create_all(engine)
    submitted: list[Callable[[], None]] = []
    log = Failures(engine, submitted.append)

    for number in range(5):
        log.note(failed(number))
    submitted[0]()

    assert kept(engine) == ["error 0", "error 1"]
    assert "failures.dropped count=3: too many waited" in caplog.text
