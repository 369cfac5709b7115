"""Serve's config against a real Serve: read, checked with its own models, put back."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ray.serve.config import AutoscalingConfig

from backup.deployments import BackupReplica
from cluster.cli.serve_config import check, problems_of
from cluster.deployment.colours import Deployed, State
from cluster.deployment.control import (
    ConfigRefused,
    DashboardUnreachable,
    Serve,
    TokenRefused,
    serve_schema,
    serve_values,
)
from cluster.deployment.own_parts import BATCHES, DEPLOYMENTS
from cluster.deployment.replicas import RECOGNIZER_CPUS, places
from cluster.deployment.serve_config import generate, state_of
from cluster.deployment.shipped import shipped
from cluster.deployment.strict import GatewayKeys, RecognizerKeys, problems
from cluster.deployment.token import token_of
from cluster.launcher import check_config, serve_config
from cluster.preflight import CannotStart
from serve_apps.api.deployments import GatewayReplica
from serve_apps.app import RecognizerArgs
from serve_apps.load.deployments import ForecasterReplica
from serve_apps.notifications.deployments import CourierReplica
from serve_apps.recognition.deployments import BatchLimits, RecognizerReplica
from serve_apps.watch.deployments import WatchReplica
from tests.conftest import eventually

BOTH = State("blue", {"blue": Deployed("yunet-dlib-1"), "green": Deployed("yunet-dlib-1")}, {"blue": 99, "green": 1})


def test_a_start_with_a_misspelt_key_is_refused_with_the_right_one() -> None:
    config = shipped()
    check_config(config)
    config["applications"][0]["deployments"][0]["autoscaling_config"]["max_replica"] = 3

    with pytest.raises(CannotStart, match=r"serve\.yaml: .*max_replica: .*did you mean max_replicas\?"):
        check_config(config)


def test_serve_looks_over_more_than_one_report_of_the_load() -> None:
    """Ray reads the interval from here alone, whatever it says of its environment variables."""
    (scaling,) = [
        deployment["autoscaling_config"]
        for application in shipped()["applications"]
        for deployment in application.get("deployments", ())
        if "autoscaling_config" in deployment
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        taken = AutoscalingConfig(**scaling)
    assert 3 * taken.metrics_interval_s <= taken.look_back_period_s


@pytest.fixture
def dashboard(cluster) -> str:
    return f"http://127.0.0.1:{cluster.ports.dashboard}"


def test_the_running_config_is_the_one_that_was_handed_over(cluster, dashboard: str) -> None:
    with Serve(dashboard, token_of(cluster.data)) as serve:
        found = serve.config()

    handed = serve_config(cluster.ports)
    assert found["applications"] == handed["applications"]
    assert found["logging_config"] == handed["logging_config"]
    assert found["http_options"].items() >= handed["http_options"].items()
    assert problems(found, serve_schema(), serve_values) == []


def test_replicas_are_seen_with_their_processes_and_what_is_left_over(cluster, dashboard: str) -> None:
    with Serve(dashboard, token_of(cluster.data)) as serve:
        recognizer, free = serve.details()["recognizer-blue"], serve.free()

    assert recognizer.status == "RUNNING"
    assert {replica.state for replica in recognizer.deployments[0].replicas} == {"RUNNING"}
    pids = {replica.pid for replica in recognizer.deployments[0].replicas}
    assert pids <= {process.pid for process in cluster.processes("ray::")}
    assert places(free, {"CPU": 0.8}) >= 2, "there is room for a second colour"
    assert {replica.node for replica in recognizer.deployments[0].replicas} <= free.keys()


def test_weights_that_are_put_are_read_back_and_the_next_start_is_told(cluster, dashboard: str) -> None:
    with Serve(dashboard, token_of(cluster.data)) as serve:
        before = serve.config()
        changed = replace(state_of(before), weights={"blue": 7})
        serve.put(generate(before, changed))
        try:
            assert eventually(lambda: state_of(serve.config()) == changed)
            printed = cluster.doorbell("serve", "config", "--dashboard", dashboard)
            assert state_of(yaml.safe_load(printed.stdout)) == changed
        finally:
            serve.put(before)
        assert eventually(lambda: all(each.status == "RUNNING" for each in serve.details().values()))


def test_what_cannot_be_done_is_told(cluster, dashboard: str) -> None:
    with Serve(dashboard, "another token") as serve, pytest.raises(TokenRefused):
        serve.config()
    with Serve(dashboard, token_of(cluster.data)) as serve, pytest.raises(ConfigRefused):
        serve.put({"applications": [{"name": "x"}]})
    with Serve("http://127.0.0.1:1", "") as serve, pytest.raises(DashboardUnreachable, match="is the cluster up"):
        serve.config()


def test_every_generated_config_passes_the_strict_check() -> None:
    assert problems(shipped(), serve_schema(), serve_values) == []
    assert problems(generate(shipped(), BOTH), serve_schema(), serve_values) == []
    assert problems(shipped(backed_up=True), serve_schema(), serve_values) == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("max_ongoing_requests", -1, "max_ongoing_requests: Input should be greater than 0"),
        ("num_replica", 1, "num_replica: no such key; did you mean num_replicas?"),
        ("autoscaling_config", {"min_replicas": "two"}, "autoscaling_config.min_replicas: Input should be a valid"),
        ("autoscaling_config", {"min_replica": 2}, "min_replica: no such key; did you mean min_replicas?"),
        ("autoscaling_config", {"min_replicas": 3, "max_replicas": 2}, "max_replicas"),
        ("ray_actor_options", {"num_cpu": 1}, "ray_actor_options.num_cpu: no such key; did you mean num_cpus?"),
        ("max_ongoing_requests", "many", "max_ongoing_requests: Input should be a valid integer"),
    ],
)
def test_serves_own_models_find_wrong_values(tmp_path: Path, key: str, value: object, said: str) -> None:
    config = shipped()
    config["applications"][0]["deployments"][0][key] = value
    file = tmp_path / "serve.yaml"
    file.write_text(yaml.safe_dump(config))

    found = problems_of(file)

    assert [line for line in found if line.startswith("applications[0].deployments[0].") and said in line], found


def test_our_keys_are_those_of_the_application() -> None:
    assert RecognizerArgs.model_fields.keys() <= RecognizerKeys.model_fields.keys()
    routing = pytest.importorskip("serve_apps.api.routing")
    if not hasattr(routing, "Routing"):
        pytest.skip("the gateway takes weights only")
    assert routing.Routing.model_fields.keys() == GatewayKeys.model_fields.keys()


def test_a_misspelt_key_ends_the_check_with_status_2(
    cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text("applications: []\napplication: []\n")

    checked = cluster.doorbell("serve", "check", str(file))

    assert checked.returncode == 2
    assert f"{file}: application: no such key; did you mean applications?\n" in checked.stderr
    assert check(file, as_json=True) == 2
    found = json.loads(capsys.readouterr().out)["problems"]
    assert found == [line.removeprefix(f"{file}: ") for line in checked.stderr.splitlines()]


def test_the_room_that_is_asked_for_is_what_a_recognizer_reserves() -> None:
    assert RecognizerReplica.ray_actor_options["num_cpus"] == RECOGNIZER_CPUS


def test_our_deployments_are_called_as_the_strict_check_says() -> None:
    ours = {
        "recognizer": RecognizerReplica,
        "gateway": GatewayReplica,
        "courier": CourierReplica,
        "forecaster": ForecasterReplica,
        "backup": BackupReplica,
        "watch": WatchReplica,
    }
    assert {kind: deployment.name for kind, deployment in ours.items()} == DEPLOYMENTS
    assert set(BatchLimits.model_fields) == set(BATCHES)


def test_a_misspelt_part_of_a_runtime_environment_is_named_with_the_nearest() -> None:
    config = shipped()
    config["applications"][0]["runtime_env"] = {"env_var": {"A": "1"}}

    assert problems(config, serve_schema(), serve_values) == [
        "applications[0].runtime_env.env_var: no such key; did you mean env_vars?"
    ]


def test_a_release_that_the_registry_does_not_have_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    config = shipped()
    config["applications"][0]["args"]["release"] = "yunet-dlib-2"
    file = tmp_path / "serve.yaml"
    file.write_text(yaml.safe_dump(config))
    assert problems_of(file) == []
    doorbell = [sys.executable, "-m", "cluster.cli.main"]
    subprocess.run([*doorbell, "release", "pack", "yunet-dlib-1", "--recipe", "yunet-dlib"], check=True)
    (said,) = problems_of(file)
    assert said.startswith("applications[0].args.release: ")
    assert "yunet-dlib-1" in said
