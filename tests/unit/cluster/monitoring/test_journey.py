from __future__ import annotations

import logging

import pytest

from cluster.monitoring.journey import Journey, Stage, begun, current, ended, stage


def test_without_a_journey_stages_cost_nothing_and_are_kept_nowhere() -> None:
    with stage("lookup"):
        ended("decode")

    assert current.get() is None


def test_stages_that_end_one_after_the_other_leave_no_gap_and_do_not_overlap() -> None:
    with begun() as journey:
        for name in ("decode", "detect", "align"):
            ended(name)

    assert [each.name for each in journey.stages] == ["decode", "detect", "align"]
    for one, next_one in zip(journey.stages, journey.stages[1:], strict=False):
        assert one.began + one.seconds == pytest.approx(next_one.began, abs=1e-6)
    assert current.get() is None


def test_a_stage_that_fails_is_timed_too() -> None:
    with begun() as journey, pytest.raises(ValueError), stage("record"):
        raise ValueError

    assert [each.name for each in journey.stages] == ["record"]


def test_what_another_process_timed_is_part_of_the_journey() -> None:
    journey = Journey()
    journey.took([Stage("embed", 1.0, 0.006)])
    journey.finish([])

    assert [each.name for each in journey.stages] == ["embed", "total"]


def test_a_listener_that_fails_keeps_the_journey_from_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Journey] = []

    def fails(_: Journey) -> None:
        raise OSError("the disk is full")

    with caplog.at_level(logging.ERROR):
        Journey().finish([fails, heard.append])

    assert len(heard) == 1
    assert "journey.not_told" in caplog.text
