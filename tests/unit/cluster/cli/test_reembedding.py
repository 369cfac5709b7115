from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest

from cluster.cli.reembedding import Yielding, report, seconds_left
from serve_apps.faces import Face, Image
from serve_apps.gallery.reembed import Failure, Outcome, Progress
from serve_apps.recognition.decode import Picture


def priority() -> tuple[int, int]:
    return os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)


class Notes:
    """An engine that notes its thread's priority."""

    space = "space-2"
    batches = False

    def __init__(self) -> None:
        self.noted = [priority()]

    def faces(self, image: Image) -> list[Face]:
        self.noted.append(priority())
        return []

    def faces_of_many(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        return [self.faces(picture.image) for picture in pictures]


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="this system has no idle priority")
def test_only_the_engine_yields_to_others_not_who_writes() -> None:
    before, notes = priority(), Notes()

    engine = Yielding(lambda: notes)
    engine.faces_of_many([Picture.of(None)])

    assert engine.space == "space-2"
    assert priority() == before
    assert notes.noted[-1] == (os.SCHED_IDLE, 19)


def test_an_engine_that_cannot_be_built_says_so() -> None:
    build: Callable[[], Notes] = lambda: 1 / 0  # noqa: E731
    with pytest.raises(ZeroDivisionError):
        Yielding(build)


def test_the_estimate_is_what_is_left_at_the_rate_so_far() -> None:
    assert seconds_left(Progress(0, 10, 0.0)) is None
    assert seconds_left(Progress(4, 10, 2.0)) == 3.0


def test_the_report_names_everybody_it_failed(capsys: pytest.CaptureFixture[str]) -> None:
    failures = (Failure("Ada", "f1", "no face is in its crop", "1"), Failure("Bob", "f2", "damaged", "2"))

    report(Outcome(7, failures, ("Ada",), ("Bob",), 3), "release-2", "space-2", as_json=False)

    assert capsys.readouterr().out.splitlines() == [
        "7 faces embedded in space space-2",
        "Ada: face f1: no face is in its crop",
        "Bob: face f2: damaged",
        "recognized by fewer photographs than before: Ada",
        "cannot be recognized in the new space: Bob; enrol other photographs of them",
        "stopped; 3 faces remain: run it again to go on",
    ]
