from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from benchmarks.child import MeasurementFailed
from benchmarks.run import Counted, Spent, plain_environment, summary

COUNTED = Counted(
    seconds=2.0,
    cpu_seconds=0.1,
    milliseconds=[10.0] * 90 + [50.0] * 10,
    statuses={"200": 100, "429": 7, "500": 2, "ConnectionResetError": 1},
    by_camera=[60, 40],
)
SPENT = Spent(service={"recognizer 1": 2.0, "gateway": 0.5}, load=0.1, idle=0.4, all=4.0)


def test_refusals_are_answers_and_everything_else_but_200_is_an_error() -> None:
    run = summary(COUNTED, SPENT)

    assert (run.requests, run.too_many, run.errors) == (110, 7, 3)
    assert run.requests_per_second == 50.0
    assert (run.p50_ms, run.p99_ms, run.max_ms) == (10.0, 50.0, 50.0)
    assert run.slowest_share == 0.8


def test_a_frame_is_charged_for_the_service_and_not_for_the_load_generator() -> None:
    run = summary(COUNTED, SPENT)

    assert run.cpu_seconds_per_frame == 0.025
    assert run.cpu_ms_per_frame == {"recognizer 1": 20.0, "gateway": 5.0, "load generator": 1.0}
    assert (run.load_share, run.idle_share, run.other_share) == (0.025, 0.1, 0.25)


def test_a_run_without_an_answer_has_no_figures() -> None:
    with pytest.raises(MeasurementFailed, match="503"):
        summary(replace(COUNTED, milliseconds=[], statuses={"503": 9}), SPENT)


@pytest.mark.parametrize("role", ["uvicorn", "recognizer", "gateway"])
def test_a_run_in_which_a_server_crashed_has_no_figures(role: str) -> None:
    with pytest.raises(MeasurementFailed, match=f"{role} ended during the run"):
        summary(COUNTED, replace(SPENT, ended=["Ray's agents", role]))


def test_an_agent_of_rays_that_ends_changes_nothing() -> None:
    assert summary(COUNTED, replace(SPENT, ended=["Ray's agents"])) == summary(COUNTED, SPENT)


def test_what_the_launcher_sets_for_ray_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_SERVE_ENABLE_HA_PROXY", "1")
    monkeypatch.setenv("LANG", "C")

    assert plain_environment()["LANG"] == "C"
    assert not [name for name in plain_environment() if name.startswith("RAY_")]


def test_a_run_can_be_written_as_json() -> None:
    assert json.loads(json.dumps(asdict(summary(COUNTED, SPENT))))["statuses"]["429"] == 7
