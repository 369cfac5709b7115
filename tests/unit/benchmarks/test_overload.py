"""Starvation and recovery, on answers that are made up."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.cameras import Answer
from benchmarks.overload import Overload, percentile, recovered_at, shortcomings, slowest_share

GOOD = Overload(
    cameras=64,
    seconds=20,
    requests_per_second=80,
    p50_ms=780,
    p99_ms=900,
    statuses={"200": 1600, "429": 12},
    slowest_share=0.92,
    normal_p50_ms=22,
    normal_p99_ms=35,
    drained_seconds=0.7,
    recovery_seconds=0.72,
)


def answered(camera: int, times: int, status: str = "200") -> list[Answer]:
    return [Answer(camera, 0, 50, status)] * times


def probes(*milliseconds: float, status: str = "200") -> list[Answer]:
    """One camera's answers, one after the other from second 100 on."""
    found: list[Answer] = []
    for took in milliseconds:
        found.append(Answer(0, found[-1].ended_at if found else 100.0, took, status))
    return found


def test_the_slowest_cameras_share_is_against_the_mean() -> None:
    assert slowest_share([10, 12, 5]) == pytest.approx(5 / 9)


def test_equal_cameras_have_a_share_of_one() -> None:
    assert slowest_share([7, 7]) == 1


def test_a_camera_that_heard_nothing_has_a_share_of_zero() -> None:
    assert slowest_share([10, 0, 10]) == 0
    assert slowest_share([0, 0, 0]) == 0


def test_latency_is_normal_again_from_the_first_of_five_frames_in_a_row() -> None:
    after = probes(800, 300, 20, 21, 19, 22, 20, 20)

    assert recovered_at(after, 30) == pytest.approx(101.1)


def test_a_slow_frame_in_between_begins_the_row_anew() -> None:
    after = probes(20, 20, 20, 20, 400, 20, 20, 20, 20, 20)

    assert recovered_at(after, 30) == pytest.approx(100.48)


def test_a_quick_refusal_is_not_normal() -> None:
    refused = probes(1, 1, 1, 1, 1, 1, status="429")

    assert recovered_at(refused, 30) is None


def test_four_quick_frames_do_not_suffice() -> None:
    assert recovered_at(probes(20, 20, 20, 20), 30) is None


def test_percentiles_are_of_the_answered_frames() -> None:
    heard = [Answer(0, 0, took, "200") for took in (10, 20, 30)] + answered(0, 5, "429")

    assert percentile(heard, 50) == 20
    assert percentile(answered(0, 3, "503"), 50) is None


def test_an_overload_that_only_delays_and_refuses_is_as_it_should_be() -> None:
    assert shortcomings(GOOD) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"statuses": {"200": 9, "503": 2}}, "64 cameras at once got other answers than 200 and 429: {'503': 2}"),
        ({"statuses": {"TimeoutError": 1}}, "{'TimeoutError': 1}"),
        ({"slowest_share": 0.31}, "the slowest of 64 cameras got 31% of the mean's answers"),
        ({"recovery_seconds": 1.42}, "normal again after 1.4 s, 1 is the most"),
        ({"recovery_seconds": None}, "normal again after more than 15.0 s, 1 is the most"),
    ],
)
def test_each_shortcoming_is_a_line(change: dict[str, object], said: str) -> None:
    lines = shortcomings(dataclasses.replace(GOOD, **change))

    assert len(lines) == 1
    assert said in lines[0]
