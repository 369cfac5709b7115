from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autoscaling import serve_adapter
from autoscaling.serve_adapter import ForecastPolicy
from autoscaling.stats import ARRIVING, HORIZONS, SERVICE, START, within
from tests.conftest import eventually

NOW = 1_800_000_000.0


@dataclass
class Context:
    """As much of Serve's AutoscalingContext as the policy reads."""

    target_num_replicas: int = 2
    current_num_replicas: int = 2
    total_num_requests: float = 0.0
    raw_metrics: Any = field(default_factory=dict)
    policy_state: dict[str, Any] = field(default_factory=dict)
    current_time: float = NOW
    capacity_adjusted_min_replicas: int = 1
    capacity_adjusted_max_replicas: int = 8
    app_name: str = "recognizer-blue"
    deployment_name: str = "Recognizer"


def reported(at: float = NOW, **values: float) -> dict[str, Any]:
    return {name: {"replica": [SimpleNamespace(timestamp=at, value=value)]} for name, value in values.items()}


def forecast(rate: float, at: float = NOW) -> dict[str, Any]:
    rates = {within(horizon): rate for horizon in HORIZONS}
    return reported(at, **rates, **{SERVICE: 0.02, START: 3.0})


def looks(policy: ForecastPolicy, ctx: Context, times: int) -> int:
    """As the controller does: what it is told is the next target, and a replica is started at once."""
    for _ in range(times):
        ctx.target_num_replicas, ctx.policy_state = policy(ctx)
        ctx.current_num_replicas = ctx.target_num_replicas
        ctx.current_time += 1.0
        for by_replica in ctx.raw_metrics.values():
            by_replica["replica"][0].timestamp = ctx.current_time
    return ctx.target_num_replicas


@pytest.fixture(autouse=True)
def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOORBELL_DATA", raising=False)


def test_the_forecast_of_the_replicas_starts_replicas_before_a_request_came() -> None:
    assert looks(ForecastPolicy(), Context(raw_metrics=forecast(100.0)), 10) >= 3


def test_the_queue_starts_replicas_without_any_forecast() -> None:
    ctx = Context(total_num_requests=9.0, raw_metrics=reported(x=1))

    assert looks(ForecastPolicy(requests_per_replica=2.0), ctx, 10) == 5


def test_the_target_is_held_while_nobody_has_reported() -> None:
    assert looks(ForecastPolicy(), Context(total_num_requests=50.0), 5) == 2


def test_replicas_that_never_report_are_scaled_by_the_queue_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = ForecastPolicy(requests_per_replica=2.0)
    monkeypatch.setattr(serve_adapter, "FRESH_S", 0.0)

    assert looks(policy, Context(total_num_requests=9.0), 10) == 5


def test_what_has_just_come_to_all_replicas_is_added_up() -> None:
    told = {ARRIVING: {name: [SimpleNamespace(timestamp=at, value=30.0)] for name, at in (("a", NOW), ("b", NOW - 1))}}
    told[ARRIVING]["gone"] = [SimpleNamespace(timestamp=NOW - 5, value=30.0)]

    assert ForecastPolicy().seen(Context(raw_metrics=told)).arriving_per_s == 60.0
    assert ForecastPolicy().seen(Context(raw_metrics=reported(x=1))).arriving_per_s is None


@pytest.mark.parametrize("jump", [-1e6, 1e6])
def test_what_was_reported_long_ago_or_in_the_future_is_not_known(jump: float) -> None:
    policy = ForecastPolicy()

    assert policy.seen(Context(raw_metrics=forecast(100.0, NOW + jump))).expected_per_s is None


def test_a_policy_that_fails_holds_the_target_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    policy, counted = ForecastPolicy(), []
    policy._counted = counted.append
    for broken in ({"x": None}, {"x": {"replica": ["no point"]}}):
        assert policy(Context(target_num_replicas=4, raw_metrics=broken)) == (4, {})
    assert counted == ["recognizer-blue"] * 2

    file = tmp_path / "autoscaling" / "recognizer-blue.json"
    assert eventually(lambda: file.exists() and json.loads(file.read_text())["errors"] == 2)
    assert "because the policy failed" in json.loads(file.read_text())["why"]


def test_wrong_settings_are_told_and_the_defaults_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    for wrong in ({"utilisaton": 0.5}, {"utilisation": -1.0}):
        policy = ForecastPolicy(**wrong)
        assert policy(Context(raw_metrics=forecast(1.0)))[0] == 2
        assert "policy_kwargs are not used" in policy._error


def test_the_decision_is_explained_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    looks(ForecastPolicy(), Context(raw_metrics=forecast(100.0)), 5)

    file = tmp_path / "autoscaling" / "recognizer-blue.json"
    said = eventually(lambda: file.exists() and json.loads(file.read_text()))
    assert said["application"] == "recognizer-blue"
    assert (said["asks"]["horizon_s"], said["asks"]["later_s"]) == (15, 330)
    assert said["seen"]["service_s"] == 0.02
    assert "forecast" in said["why"]
    assert said["errors"] == 0


def test_the_policy_survives_the_way_to_the_controller() -> None:
    cloudpickle = pytest.importorskip("ray.cloudpickle")
    cloudpickle.register_pickle_by_value(serve_adapter)
    try:
        arrived = cloudpickle.loads(cloudpickle.dumps(ForecastPolicy))
    finally:
        cloudpickle.unregister_pickle_by_value(serve_adapter)

    assert looks(arrived(requests_per_replica=2.0), Context(total_num_requests=9.0, raw_metrics=reported(x=1)), 10) == 5
