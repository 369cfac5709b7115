"""The comparison of policies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autoscaling.simulate import Fleet
from benchmarks.autoscale.measure import aims, measure, peak_replicas
from benchmarks.autoscale.report import draw, section

POLICIES = {"static peak", "Serve default", "Serve tuned", "ours"}


def row(name: str, ours: tuple[float, float], reactive: tuple[float, float], peak: float = 10.0) -> dict[str, Any]:
    numbers = {"ours": ours, "Serve tuned": reactive, "static peak": (0.0, peak)}
    policies = [{"name": name, "late_share": late, "replica_hours": hours} for name, (late, hours) in numbers.items()]
    return {"name": name, "policies": policies}


def test_every_policy_answers_the_same_requests_of_a_step(tmp_path: Path) -> None:
    said: list[str] = []
    report = measure("tenfold", said.append, seed=7)
    (trace,) = report["traces"]
    by = {policy["name"]: policy for policy in trace["policies"]}
    assert set(by) == POLICIES
    assert by["Serve default"]["late_share"] > by["Serve tuned"]["late_share"]
    assert by["static peak"]["starts"] == 0
    assert by["Serve default"]["seconds_to_capacity"] > by["ours"]["seconds_to_capacity"] > 0
    assert [path.name for _, path in draw(report, tmp_path)] == ["autoscale-tenfold-step.png"]
    assert any("| tenfold step | ours |" in line for line in section(report))
    assert said == ["tenfold step"]


def test_an_aim_is_kept_only_when_all_of_it_is() -> None:
    kept = {each["trace"]: each["kept"] for each in aims([row("normal week", (0.001, 5.9), (0.002, 6.0))])}
    assert kept == {"normal week": True}
    for ours, reactive in (((0.001, 6.1), (0.002, 7.0)), ((0.003, 5.0), (0.002, 6.0)), ((0.001, 5.9), (0.002, 5.8))):
        assert not aims([row("normal week", ours, reactive)])[0]["kept"]


def test_a_flash_crowd_may_cost_five_percent_more_late_ones() -> None:
    assert aims([row("flash crowd", (0.0105, 9.0), (0.01, 6.0))])[0]["kept"]
    assert not aims([row("flash crowd", (0.0106, 1.0), (0.01, 6.0))])[0]["kept"]


def test_the_peak_needs_replicas_that_are_not_always_busy() -> None:
    assert peak_replicas(250.0, Fleet()) > 250 * Fleet().service_s
    assert peak_replicas(0.1, Fleet()) == Fleet().minimum


def test_a_report_of_another_version_leaves_dashes() -> None:
    assert section({}) == section({"traces": [], "forecasts": None})
    assert any("| - |" in line for line in section({"traces": [{"policies": [{"name": "ours"}]}]}))
