from __future__ import annotations

import os
from collections.abc import Iterator
from threading import Event

import pytest
from structlog.testing import capture_logs

from edge.drivers.stdin import StdinTrigger

CAMERAS = ("front", "back")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


def _fired(pipe: tuple[int, int], typed: bytes) -> list[tuple[str, ...]]:
    reading, writing = pipe
    os.write(writing, typed)
    os.close(writing)
    return [firing.cameras for firing in StdinTrigger(CAMERAS, reading).firings(Event())]


def test_an_empty_line_fires_all_cameras(pipe: tuple[int, int]) -> None:
    assert _fired(pipe, b"\n") == [CAMERAS]


def test_a_camera_id_fires_that_camera_also_on_a_last_line_without_an_end(pipe: tuple[int, int]) -> None:
    assert _fired(pipe, b" front \r\nback") == [("front",), ("back",)]


def test_an_unknown_camera_is_logged_and_the_next_line_still_fires(pipe: tuple[int, int]) -> None:
    with capture_logs() as logs:
        fired = _fired(pipe, b"frnt\n\xff\xfe\nfront\n")

    assert fired == [("front",)]
    assert [entry["line"] for entry in logs if entry["event"] == "stdin.camera_unknown"] == ["frnt", "\ufffd\ufffd"]


def test_an_endless_line_is_one_unknown_camera_and_costs_no_memory(pipe: tuple[int, int]) -> None:
    with capture_logs() as logs:
        fired = _fired(pipe, b"x" * 60_000 + b"\nfront\n")

    assert fired == [("front",)]
    assert len([entry for entry in logs if entry["event"] == "stdin.camera_unknown"]) == 1


def test_no_input_at_all_ends_it_at_once(pipe: tuple[int, int]) -> None:
    assert _fired(pipe, b"") == []


def test_a_set_stop_ends_it_while_the_input_is_open(pipe: tuple[int, int]) -> None:
    stop = Event()
    os.write(pipe[1], b"\n")
    firings = StdinTrigger(CAMERAS, pipe[0]).firings(stop)
    next(firings)
    stop.set()

    assert list(firings) == []
    os.close(pipe[1])
