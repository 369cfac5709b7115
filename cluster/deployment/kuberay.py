"""A RayService for KubeRay that runs a state's releases, and the Job that brings its database to this version.

Pure: what is written here is checked by `kuberay_model`. Secrets and settings are named and never contained:

    Secret NAME-urls       database_url, keyring_url
    Secret NAME-files      master.key, release_keys.pub, with `notices` notices.yaml
    Secret NAME-signing    release_signing.key, for the Job only
    ConfigMap NAME         DOORBELL_CROPS_URL, DOORBELL_RELEASES_URL, and any other setting
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from cluster.deployment.kuberay_life import DRAIN_SECONDS, drained_first, guarded
from cluster.deployment.kuberay_model import INCREMENTAL

PORT = 8000
USER = 1000
DATA, KEYS, SECRET = "/var/lib/doorbell", "/run/doorbell", "/secret"
HEAD_CPU, HEAD_MEMORY = "2", "4Gi"

ENVIRONMENT = {
    "DOORBELL_DATA": DATA,
    "DOORBELL_MASTER_KEY_FILE": f"{KEYS}/master.key",
    "DOORBELL_RELEASE_KEYS_FILE": f"{KEYS}/release_keys.pub",
    "DOORBELL_RELEASE_SIGNING_KEY_FILE": f"{KEYS}/release_signing.key",
    "HOME": "/tmp",  # noqa: S108 the pod's own
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "0",
    "RAY_SERVE_AUTOSCALING_METRIC_RECORD_INTERVAL_FACTOR": "0.025",
}
"""What every process has to see, as in ray_cluster.yaml."""


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """Pods: the least, and the most that the autoscaler may start; CPUs and GiB of each."""

    least: int = 1
    most: int = 8
    cpus: int = 4
    memory_gib: int = 8


@dataclass(frozen=True, slots=True)
class Incremental:
    """An upgrade in steps: percent of capacity and of traffic, and seconds between two of the latter."""

    gateway_class: str = "istio"
    surge: int = 25
    step: int = 5
    seconds: int = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is not in the state. Without `incremental` all traffic moves at once when the new cluster is ready."""

    image: str
    ray_version: str
    name: str = "doorbell"
    workers: WorkerGroup = WorkerGroup()
    incremental: Incremental | None = None
    redis: str | None = None
    service_account: str | None = None
    notices: bool = False


def ray_service(wanted: Wanted, config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` is a Serve config for any machine."""
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {"name": wanted.name},
        "spec": {
            "upgradeStrategy": _strategy(wanted.incremental),
            "excludeHeadPodFromServeSvc": True,  # the head may end and come back without a request being sent to it
            "serveConfigV2": yaml.safe_dump(in_pods(config), sort_keys=False),
            "rayClusterConfig": _cluster(wanted),
        },
    }


def migration_job(wanted: Wanted) -> dict[str, Any]:
    """Runs `doorbell migrate` in the image that comes next, with the key that signs the first release."""
    pod = _pod(wanted, "migrate", "1", "2Gi", signing=True)
    pod["containers"][0]["command"] = ["doorbell", "migrate"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": f"{wanted.name}-migrate-"},
        "spec": {"backoffLimit": 0, "template": {"spec": pod | {"restartPolicy": "Never"}}},
    }


def in_pods(config: Mapping[str, Any]) -> dict[str, Any]:
    """A Serve config whose ingress listens in every pod at the pod's address."""
    adapted: dict[str, Any] = copy.deepcopy(dict(config))
    http = {"host": "0.0.0.0", "port": PORT}  # noqa: S104 a pod's own address
    return adapted | {"proxy_location": "EveryNode", "http_options": adapted.get("http_options", {}) | http}


def _strategy(incremental: Incremental | None) -> dict[str, Any]:
    if incremental is None:
        return {"type": "NewCluster"}
    options = {
        "gatewayClassName": incremental.gateway_class,
        "maxSurgePercent": incremental.surge,
        "stepSizePercent": incremental.step,
        "intervalSeconds": incremental.seconds,
    }
    return {"type": INCREMENTAL, "clusterUpgradeOptions": options}


def _cluster(wanted: Wanted) -> dict[str, Any]:
    workers = wanted.workers
    made: dict[str, Any] = {
        "rayVersion": wanted.ray_version,
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": {"version": "v2", "idleTimeoutSeconds": 600, "securityContext": _locked(False)},
        "authOptions": {"mode": "token"},
    }
    if wanted.redis:
        password = {"name": f"{wanted.name}-urls", "key": "redis_password"}
        made["gcsFaultToleranceOptions"] = {
            "redisAddress": wanted.redis,
            "redisPassword": {"valueFrom": {"secretKeyRef": password}},
        }
    head = _pod(wanted, "ray-head", HEAD_CPU, HEAD_MEMORY)
    ports = _ports({"gcs-server": 6379, "dashboard": 8265, "metrics": 8080, "serve": PORT})
    head["containers"][0] |= {"ports": ports, "lifecycle": guarded()}
    start = {"num-cpus": "0", "dashboard-host": "0.0.0.0"}  # noqa: S104 the operator asks there, with the token
    made["headGroupSpec"] = {"serviceType": "ClusterIP", "rayStartParams": start, "template": {"spec": head}}
    made["workerGroupSpecs"] = [
        {
            "groupName": "workers",
            "replicas": workers.least,
            "minReplicas": workers.least,
            "maxReplicas": workers.most,
            "rayStartParams": {},
            "template": {"spec": _worker(wanted)},
        }
    ]
    return made


def _worker(wanted: Wanted) -> dict[str, Any]:
    pod = _pod(wanted, "ray-worker", str(wanted.workers.cpus), f"{wanted.workers.memory_gib}Gi")
    # By HTTP: KubeRay's own readiness probe of a worker runs bash and wget in the image.
    probe = {"httpGet": {"path": "/-/healthz", "port": PORT}, "periodSeconds": 5, "timeoutSeconds": 2}
    pod["containers"][0]["readinessProbe"] = probe | {"failureThreshold": 1}
    pod["containers"][0]["ports"] = _ports({"metrics": 8080, "serve": PORT})
    pod["containers"][0]["lifecycle"] = drained_first()
    return pod | {"terminationGracePeriodSeconds": DRAIN_SECONDS + 15}


def _pod(wanted: Wanted, name: str, cpu: str, memory: str, *, signing: bool = False) -> dict[str, Any]:
    resources = {"cpu": cpu, "memory": memory}
    container = {
        "name": name,
        "image": wanted.image,
        "env": _environment(wanted),
        "envFrom": [{"configMapRef": {"name": wanted.name}}],
        "resources": {"requests": resources, "limits": dict(resources)},
        "volumeMounts": _mounts({"tmp": "/tmp", "data": DATA, "keys": KEYS}),  # noqa: S108 the pod's own
        "securityContext": _locked(),
    }
    pod: dict[str, Any] = {
        "enableServiceLinks": False,
        "securityContext": dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), USER)
        | {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "initContainers": [_keys_in_place(wanted.image, signing)],
        "containers": [container],
        "volumes": _volumes(wanted, signing),
    }
    return pod | ({"serviceAccountName": wanted.service_account} if wanted.service_account else {})


def _environment(wanted: Wanted) -> list[dict[str, Any]]:
    literal = ENVIRONMENT | ({"DOORBELL_NOTICES_FILE": f"{KEYS}/notices.yaml"} if wanted.notices else {})
    urls = f"{wanted.name}-urls"
    return [
        *({"name": name, "value": value} for name, value in literal.items()),
        *(
            {"name": f"DOORBELL_{key.upper()}", "valueFrom": {"secretKeyRef": {"name": urls, "key": key}}}
            for key in ("database_url", "keyring_url")
        ),
        # Named one by one, so that a pod without them does not start: their defaults are folders of its own.
        *(
            {"name": key, "valueFrom": {"configMapKeyRef": {"name": wanted.name, "key": key}}}
            for key in ("DOORBELL_CROPS_URL", "DOORBELL_RELEASES_URL")
        ),
    ]


def _keys_in_place(image: str, signing: bool) -> dict[str, Any]:
    """Kubernetes mounts a Secret readable by a group; the program takes a key that only its user may read."""
    files = f"{SECRET}/files/*" + (f" {SECRET}/signing/*" if signing else "")
    mounts = _mounts({"files": f"{SECRET}/files", "keys": KEYS} | ({"signing": f"{SECRET}/signing"} if signing else {}))
    command = ["/bin/sh", "-c", f"install -m 600 {files} {KEYS}/"]
    made = {"name": "keys", "image": image, "command": command}
    return made | {"volumeMounts": mounts, "securityContext": _locked()}


def _volumes(wanted: Wanted, signing: bool) -> list[dict[str, Any]]:
    files = ["master.key", "release_keys.pub", *(["notices.yaml"] if wanted.notices else [])]
    secrets = {"files": files} | ({"signing": ["release_signing.key"]} if signing else {})
    return [
        {"name": "tmp", "emptyDir": {}},
        {"name": "data", "emptyDir": {}},
        {"name": "keys", "emptyDir": {"medium": "Memory"}},
        *(
            {
                "name": volume,
                "secret": {
                    "secretName": f"{wanted.name}-{volume}",
                    "defaultMode": 0o440,
                    # One that is missing keeps the pod from starting.
                    "items": [{"key": key, "path": key} for key in keys],
                },
            }
            for volume, keys in secrets.items()
        ),
    ]


def _mounts(places: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "mountPath": path} for name, path in places.items()]


def _ports(ports: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"name": name, "containerPort": port} for name, port in ports.items()]


def _locked(read_only: bool = True) -> dict[str, Any]:
    kept_out = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return kept_out | {"readOnlyRootFilesystem": read_only}
