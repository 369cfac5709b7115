from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from cluster.monitoring.metrics import KNOWN_FACES
from serve_apps.watch.parts import Gauges, Part, Watching, fresh
from tests.noted import Noted


def test_a_part_that_fails_is_logged_and_one_that_succeeds_says_when(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise ConnectionError("the database is away")

    noted = Noted()
    parts = [Part("devices", fails), Part("disks", lambda: None)]
    watching = Watching(parts, noted, clock=lambda: 7.0)
    with caplog.at_level(logging.WARNING):
        for part in parts:
            watching.look(part)

    assert "watch.part_failed part=devices: the database is away" in caplog.text
    assert noted.gauges == {("watch_part_timestamp_seconds", "disks"): 7.0}


def test_a_look_that_fails_forgets_nothing() -> None:
    noted, found = Noted(), [1.0]

    def build(gauges: Gauges) -> Callable[[], None]:
        return lambda: gauges.set(KNOWN_FACES, found.pop())

    look = fresh(noted, build)
    look()
    with pytest.raises(IndexError):
        look()

    assert noted.gauges == {("known_faces_database_size",): 1.0}


def test_a_part_that_never_does_its_work_is_late_from_the_start_on() -> None:
    looked = threading.Event()

    def fails() -> None:
        looked.set()
        raise ConnectionError("the database is away")

    noted = Noted()
    watching = Watching([Part("devices", fails)], noted, clock=lambda: 7.0)
    watching.start()
    looked.wait()
    watching.stop()

    assert noted.gauges == {("watch_part_timestamp_seconds", "devices"): 7.0}
