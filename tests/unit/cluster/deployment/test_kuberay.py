import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.deployment.colours import Deployed, State
from cluster.deployment.kuberay import ENVIRONMENT, Incremental, Wanted, WorkerGroup, migration_job, ray_service
from cluster.deployment.kuberay_model import job_problems, manifest_problems
from cluster.deployment.serve_config import generate, state_of
from cluster.deployment.shipped import shipped
from serve_apps.settings import OTHERS, PREFIX, Settings

STATE = State("green", {"green": Deployed("yunet-sface-1", "a" * 64)}, {"green": 100}, epoch=3)
WANTED = Wanted("registry.example.org/doorbell:1.4", "2.60.0", incremental=Incremental(), redis="redis:6379")
Change = Callable[[dict[str, Any]], object]


def manifest(wanted: Wanted = WANTED) -> dict[str, Any]:
    return ray_service(wanted, generate(shipped(), STATE))


def told(change: Change, wanted: Wanted = WANTED) -> list[str]:
    made = copy.deepcopy(manifest(wanted))
    change(made["spec"])
    return manifest_problems(made, {}, lambda _: [])


def pods(made: dict[str, Any]) -> list[dict[str, Any]]:
    cluster = made["spec"]["rayClusterConfig"]
    return [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


def head(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["rayClusterConfig"]["headGroupSpec"]


def container(spec: dict[str, Any]) -> dict[str, Any]:
    return head(spec)["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    "wanted",
    [
        WANTED,
        Wanted("doorbell:1", "2.60.0", workers=WorkerGroup(2, 2), service_account="s3", notices=True),
        Wanted("host:5000/a/doorbell@sha256:" + "0" * 64, "2.61.0", name="porch"),
    ],
)
def test_what_is_made_is_right(wanted: Wanted) -> None:
    assert manifest_problems(manifest(wanted), {}, lambda _: []) == []
    assert job_problems(migration_job(wanted)) == []


def test_it_runs_the_releases_of_the_state_with_their_digests() -> None:
    config = yaml.safe_load(manifest()["spec"]["serveConfigV2"])

    assert state_of(config) == STATE
    assert config["http_options"]["host"] == "0.0.0.0"
    assert config["proxy_location"] == "EveryNode"


def test_no_secret_is_in_it_and_only_the_job_can_sign() -> None:
    made, job = manifest(), migration_job(WANTED)

    for pod in pods(made):
        variables = {each["name"]: each for each in pod["containers"][0]["env"]}
        assert "value" not in variables["DOORBELL_DATABASE_URL"]
        assert "value" not in variables["DOORBELL_KEYRING_URL"]
        assert "doorbell-signing" not in str(pod)
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    assert "doorbell-signing" in str(job)


def test_keys_are_copied_to_where_only_the_user_may_read_them() -> None:
    """The program refuses a master key that a group may read, which is how Kubernetes mounts it."""
    for pod in pods(manifest()):
        assert re.fullmatch(r"install -m 600 /secret/files/\* /run/doorbell/", pod["initContainers"][0]["command"][-1])
        assert {"name": "keys", "emptyDir": {"medium": "Memory"}} in pod["volumes"]


def test_every_setting_is_one_that_the_program_knows_and_is_as_on_virtual_machines() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OTHERS
    names = {each["name"] for pod in pods(manifest()) for each in pod["containers"][0]["env"]}
    assert {name for name in names if name.startswith(PREFIX)} <= known

    text = (Path(__file__).parents[4] / "ray_cluster.yaml").read_text()
    exported = dict(re.findall(r"export (RAY_\w+|OMP_NUM_THREADS)=(\S+)", text))
    auth = {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"}  # KubeRay sets its own
    assert {name: ENVIRONMENT.get(name) for name in exported.keys() - auth} == {
        name: exported[name] for name in exported.keys() - auth
    }


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda spec: spec["upgradeStrategy"]["clusterUpgradeOptions"].update(stepSizePercnt=1),
            "stepSizePercnt: no such key; did you mean stepSizePercent?",
        ),
        (
            lambda spec: container(spec).update(resource={}),
            "containers[0].resource: no such key; did you mean resources?",
        ),
        (lambda spec: spec.update(rayClusterSpec={}), "did you mean rayClusterConfig?"),
        (
            lambda spec: spec["upgradeStrategy"]["clusterUpgradeOptions"].update(stepSizePercent=50),
            "more than maxSurge",
        ),
        (lambda spec: spec["upgradeStrategy"].pop("clusterUpgradeOptions"), "give both or none"),
        (lambda spec: spec["rayClusterConfig"].update(enableInTreeAutoscaling=False), "needs rayClusterConfig.enable"),
        (lambda spec: head(spec)["rayStartParams"].pop("num-cpus"), 'num-cpus: "0"'),
        (
            lambda spec: head(spec)["template"]["spec"].update(enableServiceLinks=True),
            "enableServiceLinks must be false",
        ),
        (lambda spec: container(spec).update(image="doorbell:latest"), "give a tag or a digest"),
        (lambda spec: container(spec).update(image="other:1.4"), "head and workers have different images"),
        (
            lambda spec: container(spec)["env"].append(
                {"name": "DOORBELL_DATABASE_URL", "value": "postgresql://u:p@h/d"}
            ),
            "DOORBELL_DATABASE_URL is a secret",
        ),
        (
            lambda spec: container(spec)["volumeMounts"].append({"name": "x", "mountPath": "/x"}),
            "there is no such volume",
        ),
        (lambda spec: spec.update(serveConfigV2=yaml.safe_dump(shipped())), "http_options.host: must be 0.0.0.0"),
        (lambda spec: spec.update(serveConfigV2="a: ["), "spec.serveConfigV2: is no YAML"),
    ],
)
def test_what_is_wrong_is_named(change: Change, line: str) -> None:
    assert any(line in said for said in told(change)), told(change)


def test_a_service_of_the_same_name_would_set_variables_that_the_program_refuses() -> None:
    """Why enableServiceLinks is checked: Kubernetes makes DOORBELL_SERVE_SVC_PORT of the service doorbell-serve-svc."""
    assert "DOORBELL_SERVE_SVC_PORT" not in {PREFIX + name.upper() for name in Settings.model_fields} | OTHERS
    assert all(pod["enableServiceLinks"] is False for pod in pods(manifest()))


def test_the_heads_container_runs_a_guard_of_releases_and_no_worker_does() -> None:
    cluster = manifest()["spec"]["rayClusterConfig"]
    head, worker = (
        group["template"]["spec"]["containers"][0] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])
    )

    (_, _, line) = head["lifecycle"]["postStart"]["exec"]["command"]
    assert "doorbell release guard" in line
    assert line.endswith("&"), "Kubernetes waits for what it runs after the start"
    assert "postStart" not in worker["lifecycle"]


def test_a_worker_is_drained_before_its_pod_ends_and_has_the_time_for_it() -> None:
    worker = manifest()["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]
    (_, _, line) = worker["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    seconds = int(line.rpartition("sleep ")[2])

    assert worker["terminationGracePeriodSeconds"] > seconds
    assert told(lambda spec: container(spec).update(lifecycle={"preStopp": {}}))
