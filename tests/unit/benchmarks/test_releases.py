from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from benchmarks.child import MeasurementFailed
from benchmarks.doors import Doors, Posted
from benchmarks.planned import NOT_MEASURED, Planned, measure
from benchmarks.release_cases import CASES, FAULTY
from benchmarks.releases import Case, Cluster, Kill, Line, first_old, old_traffic, summed

LINES = [
    Line(10.0, {"step": "preparing", "said": "looking"}),
    Line(12.0, {"step": "deploying", "said": "starting"}),
    Line(20.0, {"step": "rolling_back", "said": "it is slow"}),
    Line(21.0, {"step": "failed", "why": "it is slow"}),
]
HEARD = [
    Posted(11.0, 11.05, "old", right=True),
    Posted(15.0, 15.30, "new", right=False),
    Posted(20.0, 20.25, "new", right=True),
    Posted(20.5, 20.52, "", right=False, failed="503 nobody"),
    Posted(20.6, 20.63, "old", right=True),
]


def test_a_case_says_what_failed_what_was_wrong_and_how_soon_it_was_over() -> None:
    case = summed("slow", LINES, HEARD, "new", 10.0, kept=False)
    assert (case.requests, case.failed_requests, case.wrong_answers) == (5, 1, 1)
    assert case.max_latency_ms == 300.0
    assert case.seconds_to_detect == 8.0
    assert case.seconds_to_old_traffic == 0.25
    assert (case.ended, case.why, case.seconds) == ("failed", "it is slow", 11.0)
    assert case.answered == {"old": 2, "new": 2}
    assert case.failures == ["1 x 503 nobody"]


def test_a_release_that_was_to_stay_has_nothing_to_detect() -> None:
    case = summed("deploy", [*LINES[:2], Line(30.0, {"step": "completed"})], HEARD, "new", 10.0, kept=True)
    assert case.seconds_to_detect is None
    assert case.seconds_to_old_traffic is None


def test_a_release_that_never_answered_is_gone_at_once() -> None:
    assert old_traffic(HEARD, "another", 10.0) == 0.0


def test_a_rollback_says_when_the_old_release_answered_first_and_the_other_one_last() -> None:
    assert old_traffic(HEARD, "new", 20.1) == 0.15
    assert first_old(HEARD, "old", 20.1) == 0.5
    assert first_old(HEARD, "old", 20.7) is None


def test_a_rollback_to_a_release_that_stands_by_has_no_steps_and_is_complete() -> None:
    case = summed("rollback", [Line(11.0, {"release": "old", "seconds": 0.4})], HEARD, "new", 10.0, kept=True)
    assert (case.ended, case.why) == ("completed", "")


REFUSED = Planned("slow", lambda *_: refused(), "failed", "is slow", traffic=None)


def refused(**changes: Any) -> Case:
    """As REFUSED is to end, but for `changes`."""
    sound = [posted for posted in HEARD if posted.right]
    return dataclasses.replace(summed("slow", LINES, sound, "new", 10.0, kept=False), **changes)


@pytest.mark.parametrize(
    ("changes", "unexpected"),
    [
        ({}, []),
        ({"failed_requests": 2}, ["2 frames were not answered"]),
        ({"wrong_answers": 1}, ["1 answers were wrong"]),
        ({"ended": "completed", "why": ""}, ["it ended completed, not failed: "]),
        ({"why": "no room"}, ["another reason than 'is slow': no room"]),
    ],
)
def test_a_case_that_ends_otherwise_says_how(changes: dict[str, Any], unexpected: list[str]) -> None:
    assert REFUSED.unexpected(refused(**changes)) == unexpected


def test_a_release_that_is_refused_before_traffic_gives_no_answer_and_one_that_is_deployed_some() -> None:
    before_traffic = dataclasses.replace(REFUSED, traffic=False)
    assert before_traffic.unexpected(refused()) == ["1 answers came from new"]
    with_traffic = dataclasses.replace(REFUSED, traffic=True)
    assert with_traffic.unexpected(refused(answered={})) == ["0 answers came from new"]


def test_a_kill_comes_at_a_step_or_at_what_is_said_in_it() -> None:
    line = Line(1.0, {"step": "validating", "said": "recent frames, in shadow"})
    assert Kill("validating").due(line)
    assert Kill("validating", "in shadow").due(line)
    assert not Kill("validating", "golden").due(line)
    assert not Kill("switching").due(line)


class House(Cluster):
    """Where each restoring is counted, and the last one fails."""

    def __init__(self, restorable: int) -> None:
        super().__init__(("http://127.0.0.1:1", "key"), (), lambda _: None)
        self.left = restorable

    def restore(self, live: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise MeasurementFailed(f"{live} did not come back")


def _unmeasured(cluster: Cluster, doors: Doors, name: str) -> Case:
    raise MeasurementFailed("it said nothing")


def test_each_case_begins_with_the_sound_release_or_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.planned.SETTLING_SECONDS", 0.0)
    quiet = dataclasses.replace(REFUSED, doors=0)
    silent = dataclasses.replace(quiet, name="silent", run=_unmeasured)

    cases = measure(House(restorable=2), [quiet, silent, quiet, quiet], "old")["cases"]

    assert [case["ended"] for case in cases] == ["failed", NOT_MEASURED, "failed"]
    assert [case["as_expected"] for case in cases] == [True, False, False]
    assert cases[1]["unexpected"] == ["it ended not measured, not failed: it said nothing"]
    assert cases[2]["unexpected"] == ["nothing more was measured: old did not come back"]


def test_every_case_has_a_name_of_its_own_and_every_faulty_engine_a_case() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert {"deploy", "canary to 100 %", "leaks", "5 times slower"} <= set(names)
    assert all(name.replace("-", "_") == engine for name, engine in FAULTY.items())


def test_a_controller_is_killed_in_each_of_its_steps_at_once_and_in_the_middle() -> None:
    names = [case.name for case in CASES if case.name.startswith("SIGKILL")]
    for step in ("preparing", "deploying", "validating", "switching", "rolling_back"):
        assert sum(step in name for name in names) == 2
