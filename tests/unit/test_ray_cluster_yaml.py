"""ray_cluster.yaml and serve.yaml: what Ray would accept without a word, and should not."""

from __future__ import annotations

import contextlib
import re
import shlex
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import psutil
import pytest
import yaml
from botocore.validate import validate_parameters
from ray._common.utils import import_attr
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import start as ray_start
from ray.serve._private import constants as serve_constants
from ray.serve._private.api import call_user_app_builder_with_args_if_necessary
from ray.serve.config import AutoscalingConfig
from ray.serve.schema import ServeDeploySchema
from ray.serve.scripts import start as serve_start

from serve_apps.settings import load
from tests.conftest import eventually

ROOT = Path(__file__).parents[2]
SECRETS = {
    "auth_token": "t" * 64,
    "master.key": "k" * 32,
    "database_url": "postgresql://doorbell:secret@database/doorbell\n",
    "keyring_url": "postgresql://keyring:secret@database/keyring\n",
}
PROVIDER_KEYS = {"type", "region", "availability_zone", "cache_stopped_nodes", "security_group"}


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())


@pytest.fixture(scope="module")
def serve_yaml() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "serve_apps" / "serve.yaml").read_text())


@pytest.fixture
def environment(cluster: dict[str, Any], tmp_path: Path) -> dict[str, str]:
    """What a start command's process sees on a node, made by the very setup commands."""
    secrets = tmp_path / "doorbell-secrets"
    secrets.mkdir()
    for name, content in SECRETS.items():
        (secrets / name).write_text(content)
    bare = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    for command in cluster["setup_commands"]:
        if "doorbell-secrets" in command:
            subprocess.run(["bash", "-c", f"({command})"], env=bare, check=True)
    shown = subprocess.run(
        ["bash", "-c", ". ~/doorbell.env && env -0"], env=bare, check=True, capture_output=True, text=True
    )
    return dict(line.split("=", 1) for line in shown.stdout.split("\0") if line)


def end_those_at_home(home: Path) -> None:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("HOME") == str(home):
                process.kill()


def starts(cluster: dict[str, Any]) -> dict[str, str]:
    """The commands that start something, by node type."""
    commands = cluster["head_start_ray_commands"] + cluster["worker_start_ray_commands"]
    found = [command for command in commands if re.search(r"\b(ray|serve) start\b", command)]
    return dict(zip(("head", "serve", "worker"), found, strict=True))


def test_ray_takes_the_file(cluster: dict[str, Any]) -> None:
    prepared = prepare_config(cluster)
    validate_config(prepared)

    workers = [kind for name, kind in prepared["available_node_types"].items() if name != prepared["head_node_type"]]
    assert len(workers) == 1
    assert 0 < workers[0]["min_workers"] < workers[0]["max_workers"] <= prepared["max_workers"]
    assert prepared["idle_timeout_minutes"] > 0


def test_every_key_for_aws_is_one_that_ray_and_aws_know(cluster: dict[str, Any]) -> None:
    """Ray's schema lets the provider and the node_config be anything."""
    ec2 = botocore.session.Session().get_service_model("ec2")
    run_instances = ec2.operation_model("RunInstances").input_shape
    ingress = ec2.operation_model("AuthorizeSecurityGroupIngress").input_shape

    assert set(cluster["provider"]) <= PROVIDER_KEYS
    for kind in cluster["available_node_types"].values():
        assert kind["node_config"].keys() <= run_instances.members.keys()
        validate_parameters(kind["node_config"] | {"MinCount": 1, "MaxCount": 1}, run_instances)
    rules = cluster["provider"]["security_group"]["IpPermissions"]
    validate_parameters({"IpPermissions": rules}, ingress)


def test_no_port_is_open_to_the_world(cluster: dict[str, Any]) -> None:
    rules = cluster["provider"]["security_group"]["IpPermissions"]
    ranges = [found["CidrIp"] for rule in rules for found in rule["IpRanges"]]

    assert [(rule["FromPort"], rule["ToPort"]) for rule in rules] == [(8000, 8000)]
    assert "0.0.0.0/0" not in ranges


def test_every_option_of_the_start_commands_exists(cluster: dict[str, Any]) -> None:
    commands = {"head": ray_start, "worker": ray_start, "serve": serve_start}
    for name, line in starts(cluster).items():
        known = {option for parameter in commands[name].params for option in parameter.opts}
        given = {word.partition("=")[0] for word in shlex.split(line) if word.startswith("--")}
        assert given <= known


def test_every_node_starts_with_the_whole_environment(cluster: dict[str, Any]) -> None:
    for command in cluster["head_start_ray_commands"] + cluster["worker_start_ray_commands"]:
        assert command.startswith(". ~/doorbell.env")
    assert "--head" in shlex.split(starts(cluster)["head"])
    assert "--dashboard-host=127.0.0.1" in shlex.split(starts(cluster)["head"])
    assert "--address=$RAY_HEAD_IP:6379" in shlex.split(starts(cluster)["worker"])


def test_a_guard_of_releases_is_started_on_the_head_and_in_the_background(
    cluster: dict[str, Any], tmp_path: Path
) -> None:
    line = cluster["head_start_ray_commands"][-1]
    program = tmp_path / "doorbell"
    program.write_text('#!/bin/sh\necho "$@" >> ~/called; exec sleep 30\n')
    program.chmod(0o755)
    (tmp_path / "doorbell.env").write_text(f"export PATH={tmp_path}:$PATH")
    bare = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}

    for _ in range(2):  # `ray up` does it again
        subprocess.run(["bash", "-c", line], env=bare, check=True, timeout=10)

    called = tmp_path / "called"
    try:
        assert eventually(called.exists)
        assert called.read_text() == "release guard\n"
    finally:
        end_those_at_home(tmp_path)


def test_token_authentication_is_on_and_its_file_is_private(environment: dict[str, str]) -> None:
    token = Path(environment["RAY_AUTH_TOKEN_PATH"])

    assert environment["RAY_AUTH_MODE"] == "token"
    assert token.read_text() == SECRETS["auth_token"]
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(token.parent.stat().st_mode) == 0o700


def test_ray_reads_every_serve_variable(environment: dict[str, str]) -> None:
    source = Path(serve_constants.__file__).read_text()
    named = [name for name in environment if name.startswith("RAY_SERVE_")]

    assert environment["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert [name for name in named if f'"{name}"' not in source] == []


def test_every_doorbell_variable_is_a_setting(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        if name.startswith("DOORBELL_"):
            monkeypatch.setenv(name, value)

    settings = load()

    assert settings.database_url == SECRETS["database_url"].strip()
    assert settings.keyring_url == SECRETS["keyring_url"].strip()
    assert settings.crops_url.startswith("s3://")
    assert settings.master_key_file is not None
    assert settings.master_key_file.read_text() == SECRETS["master.key"]


def test_the_program_is_installed_from_its_lock(cluster: dict[str, Any]) -> None:
    installs = [shlex.split(command) for command in cluster["setup_commands"] if "pip install" in command]

    assert all("--no-deps" in words for words in installs)
    assert "~/doorbell/requirements.txt" in installs[0]
    assert installs[-1][-2:] == ["--editable", "~/doorbell"]


def test_no_secret_is_in_the_file() -> None:
    text = (ROOT / "ray_cluster.yaml").read_text()

    assert re.findall(r"postgresql://\S+", text) == [
        "postgresql://doorbell:PASSWORD@HOST/doorbell'",
        "postgresql://keyring:PASSWORD@HOST/keyring'",
    ]
    assert not re.search(r"AKIA[0-9A-Z]{16}", text)


def unknown_keys(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    """Keys that a pydantic model dropped without a word."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            yield from [f"{path}.{key}"] if key not in kept else unknown_keys(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list) and isinstance(kept, list):
        for number, (value, twin) in enumerate(zip(given, kept, strict=True)):
            yield from unknown_keys(value, twin, f"{path}[{number}]")


def strictly_unknown(config: dict[str, Any]) -> list[str]:
    found = list(unknown_keys(config, ServeDeploySchema.model_validate(config).model_dump(exclude_unset=True)))
    for application in config["applications"]:
        for deployment in application.get("deployments", []):
            scaling = deployment.get("autoscaling_config", {})
            found += unknown_keys(scaling, AutoscalingConfig.model_validate(scaling).model_dump(exclude_unset=True))
    return found


def test_serve_knows_every_key_of_its_config(serve_yaml: dict[str, Any]) -> None:
    assert strictly_unknown(serve_yaml) == []


def misspell(key: str) -> Callable[[dict[str, Any]], None]:
    def change(mapping: dict[str, Any]) -> None:
        mapping[f"{key}x"] = mapping.pop(key)

    return change


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (lambda config: config, "proxy_location"),
        (lambda config: config["http_options"], "port"),
        (lambda config: config["logging_config"], "encoding"),
        (lambda config: config["applications"][0], "route_prefix"),
        (lambda config: config["applications"][1]["deployments"][0], "user_config"),
        (lambda config: config["applications"][0]["deployments"][0]["autoscaling_config"], "max_replicas"),
    ],
)
def test_a_misspelt_key_anywhere_is_found(
    serve_yaml: dict[str, Any], place: Callable[[dict[str, Any]], dict[str, Any]], key: str
) -> None:
    copy = yaml.safe_load(yaml.safe_dump(serve_yaml))
    misspell(key)(place(copy))

    try:
        found = strictly_unknown(copy)
    except ValueError:
        return  # Serve itself refuses this one
    assert any(name.endswith(f".{key}x") for name in found)


def test_every_import_path_builds_an_application_with_the_deployments_named(serve_yaml: dict[str, Any]) -> None:
    for application in serve_yaml["applications"]:
        target = import_attr(application["import_path"])
        built = call_user_app_builder_with_args_if_necessary(target, application["args"])
        named = {deployment["name"] for deployment in application.get("deployments", [])}
        assert named <= {built._bound_deployment.name}


def test_the_gateway_sends_frames_only_to_applications_of_the_file(serve_yaml: dict[str, Any]) -> None:
    applications = {application["name"]: application for application in serve_yaml["applications"]}
    weights = applications["gateway"]["deployments"][0]["user_config"]["weights"]

    assert set(weights) <= set(applications)
    assert sum(weights.values()) == 100
