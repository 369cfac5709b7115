from __future__ import annotations

from benchmarks.doors import Posted
from benchmarks.release_cases import CASES, FAULTY
from benchmarks.releases import Line, old_traffic, summed

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


def test_every_case_has_a_name_of_its_own_and_every_faulty_engine_a_case() -> None:
    names = [name for name, *_ in CASES]
    assert len(set(names)) == len(names)
    assert {"deploy", "canary to 100 %", "leaks", "5 times slower"} <= set(names)
    assert all(name.replace("-", "_") == engine for name, engine in FAULTY.items())
