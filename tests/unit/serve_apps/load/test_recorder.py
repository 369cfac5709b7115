from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from serve_apps.load import recorder as recorder_module
from serve_apps.load.counts import LoadCounts, Sixty
from serve_apps.load.recorder import Recorder
from tests.conftest import eventually


class Database:
    def __init__(self) -> None:
        self.rows: dict[tuple[int, str, str], int] = {}
        self.routings: list[Mapping[str, Any]] = []
        self.away = False

    def write(self, rows: Sequence[Sixty]) -> None:
        if self.away:
            raise OperationalError("insert", {}, OSError("away"))
        self.rows |= {(row.start, row.group, row.source): sum(row.admitted) for row in rows}


class Clock:
    now = 600.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database() -> Database:
    return Database()


def test_a_database_that_is_away_is_logged_once_and_loses_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    counts = LoadCounts(clock=clock)
    recorder = Recorder(counts, database.write, database.routings.append)
    database.away = True
    for minute in range(5):
        clock.now = 600.0 + 60 * minute
        counts.note("a")
        recorder.round()
    assert caplog.text.count("load.not_written") == 1

    database.away = False
    recorder.round()

    assert sum(database.rows.values()) == 5


def test_what_waits_too_long_is_given_up_with_a_count(
    database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "MOST_WAITING", 2)
    clock = Clock()
    counts = LoadCounts(clock=clock)
    recorder = Recorder(counts, database.write, database.routings.append)
    database.away = True

    for minute in range(4):
        clock.now = 600.0 + 60 * minute
        recorder.round()

    assert caplog.text.count("load.given_up rows=1") == 2


def test_a_routing_is_written_once_and_again_only_when_it_changes(database: Database) -> None:
    recorder = Recorder(LoadCounts(clock=Clock()), database.write, database.routings.append)
    for routing in ({"weights": {"recognizer-blue": 1}}, None, {"weights": {"recognizer-green": 1}}, None):
        if routing:
            recorder.obeyed(routing)
        recorder.round()

    assert [list(routing["weights"]) for routing in database.routings] == [["recognizer-blue"], ["recognizer-green"]]


def test_a_round_that_fails_in_an_unknown_way_does_not_end_the_recording(caplog: pytest.LogCaptureFixture) -> None:
    written: list[int] = []

    def write(rows: Sequence[Sixty]) -> None:
        written.append(len(rows))
        if len(written) == 1:
            raise RuntimeError("nobody thought of this")

    Recorder(LoadCounts(clock=Clock()), write, lambda _: None).start(seconds=0.01)

    assert eventually(lambda: len(written) > 2)
    assert "load.round_failed" in caplog.text
