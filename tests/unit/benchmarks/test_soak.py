"""Warm-up, replaced processes and the verdict, on lives that are made up."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable

import pytest

from benchmarks.processes import Holding, Life, Watch
from benchmarks.soak import Soak, as_json, judged, shortcomings, warm_up_of


def life(
    name: str, frames: range, held: Callable[[int], float], files: Callable[[int], int] = lambda at: 60, pid: int = 7
) -> Life:
    return Life(name, pid, [Holding(at, held(at), held(at) + 90, files(at), 30) for at in frames])


class Seen(Watch):
    """Lives that nobody had to live."""

    def __init__(self, *lives: Life) -> None:
        super().__init__(os.getpid())
        self._seen = list(lives)

    @property
    def lives(self) -> list[Life]:
        return self._seen


def of(*lives: Life, statuses: dict[str, int] | None = None) -> Soak:
    return Soak(1000, 4, Seen(*lives), statuses=Counter(statuses or {"200": 1250}), seconds=10.0)


def test_the_warm_up_is_a_fifth_of_all_frames() -> None:
    assert warm_up_of(20_000) == 5_000
    assert warm_up_of(100) == 25


def test_what_grows_in_the_warm_up_only_is_no_growth() -> None:
    gateway = life("gateway", range(0, 1251, 25), lambda at: 100 + 0.2 * min(at, 250))

    grown, brief = judged([gateway], 250, 1250)

    assert grown[0].growth_mb == 0
    assert (grown[0].from_frame, grown[0].to_frame, grown[0].ended) == (250, 1250, False)
    assert brief == []


def test_a_leak_is_found_with_its_slope() -> None:
    grown, _ = judged([life("gateway", range(0, 1251, 25), lambda at: 100 + 0.01 * at)], 250, 1250)

    assert grown[0].growth_mb == pytest.approx(10)
    assert grown[0].slope_kb_per_1000_frames == pytest.approx(10_000)


def test_the_one_that_grew_most_comes_first() -> None:
    steady = life("courier", range(0, 1251, 25), lambda at: 100)
    leaking = life("gateway", range(0, 1251, 25), lambda at: 100 + 0.01 * at)

    assert [process.name for process in judged([steady, leaking], 250, 1250)[0]] == ["gateway", "courier"]


def test_a_replaced_process_is_two_each_with_its_own_warm_up() -> None:
    first = life("Recognizer", range(0, 700, 25), lambda at: 200, pid=11)
    second = life("Recognizer", range(700, 1251, 25), lambda at: 150 + 0.2 * min(at, 900), pid=12)

    grown, _ = judged([first, second], 250, 1250)

    assert {(process.pid, process.from_frame, process.ended) for process in grown} == {
        (11, 250, True),
        (12, 950, False),
    }
    assert all(process.growth_mb == 0 for process in grown)


def test_nothing_is_said_of_the_growth_of_one_that_was_there_briefly() -> None:
    visitor = life("worker", range(1000, 1251, 25), lambda at: at)

    grown, brief = judged([visitor], 250, 1250)

    assert grown == []
    assert (brief[0].name, brief[0].first_frame, brief[0].last_frame) == ("worker", 1000, 1250)


def test_the_line_names_the_process_that_grew() -> None:
    found = of(life("gateway", range(0, 1251, 25), lambda at: 100 + 0.01 * at))

    assert shortcomings(found) == ["gateway (process 7) grew by 10.0 MB over 1000 frames; less than 5 is right"]


def test_leaking_files_are_a_shortcoming_without_any_memory() -> None:
    found = of(life("gateway", range(0, 1251, 25), lambda at: 100, lambda at: 60 + at // 25))

    assert len(shortcomings(found)) == 1
    assert "open files after 1000 frames" in shortcomings(found)[0]


def test_an_answer_other_than_200_is_a_shortcoming() -> None:
    found = of(life("gateway", range(0, 1251, 25), lambda at: 100), statuses={"200": 1249, "503": 1})

    assert shortcomings(found) == ["4 cameras got other answers than 200: {'503': 1}"]


def test_the_json_has_the_fields_of_the_contract() -> None:
    found = json.loads(json.dumps(as_json(of(life("gateway", range(0, 1251, 25), lambda at: 100)))))

    assert (found["frames"], found["warm_up_frames"], found["complete"], found["errors"]) == (1000, 250, True, 0)
    assert {"name", "pid", "growth_mb", "slope_kb_per_1000_frames", "open_files", "threads"} <= set(
        found["processes"][0]
    )
    assert found["processes"][0]["open_files"] == {"first": 60, "last": 60}
    assert len(found["samples"][0]["frames"]) == len(found["samples"][0]["resident_mb"]) == 51
    assert found["shortcomings"] == []
    assert found["overload"] is None


def test_what_was_measured_before_an_interruption_is_reported_as_incomplete() -> None:
    half = of(life("gateway", range(0, 626, 25), lambda at: 100), statuses={"200": 625})
    found = as_json(half)

    assert (found["frames"], found["complete"]) == (375, False)
    assert found["processes"][0]["to_frame"] == 625


def test_an_interruption_before_the_first_sample_is_reported_too() -> None:
    found = as_json(Soak(1000, 4, Seen()))

    assert (found["frames"], found["complete"], found["processes"]) == (0, False, [])
    assert found["frames_per_second"] is None
