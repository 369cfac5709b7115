"""A whole RayService, and everything that is wrong with one before Kubernetes sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from cluster.deployment.kuberay_fields import Head, Metadata, Pod, Resources, ValueFrom, Workers
from cluster.deployment.kuberay_life import Part
from cluster.deployment.nearest import Found, Place
from cluster.deployment.strict import Schema, Values, path, problems, unknown_keys

INCREMENTAL = "NewClusterWithIncrementalUpgrade"
Percent = Annotated[int, Field(ge=1, le=100)]


class ManifestError(Exception):
    """A manifest that Kubernetes, KubeRay or the application would not run as it is meant; one line each."""


class UpgradeOptions(Part):
    """How an incremental upgrade goes: percent of capacity and of traffic a step, seconds between steps."""

    gateway_class_name: Annotated[str, Field(min_length=1)]
    max_surge_percent: Percent = 100
    step_size_percent: Percent
    interval_seconds: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _not_faster_than_it_grows(self) -> UpgradeOptions:
        if self.step_size_percent > self.max_surge_percent:
            raise ValueError("stepSizePercent is more than maxSurgePercent: traffic would come before its capacity")
        return self


class UpgradeStrategy(Part):
    """What a change of the cluster does."""

    type: Literal["NewCluster", "NewClusterWithIncrementalUpgrade", "None"]
    cluster_upgrade_options: UpgradeOptions | None = None

    @model_validator(mode="after")
    def _together(self) -> UpgradeStrategy:
        if (self.type == INCREMENTAL) != (self.cluster_upgrade_options is not None):
            raise ValueError(f"clusterUpgradeOptions belong to the type {INCREMENTAL}: give both or none")
        return self


class RedisPassword(Part):
    """By reference."""

    value_from: ValueFrom


class FaultTolerance(Part):
    """Where the GCS keeps its state."""

    redis_address: Annotated[str, Field(min_length=1)]
    redis_password: RedisPassword | None = None


class AuthOptions(Part):
    """KubeRay makes the token, as a Secret of the cluster's name."""

    mode: Literal["token"]


class AutoscalerOptions(Part):
    """Ray's autoscaler beside the head."""

    version: Literal["v1", "v2"] | None = None
    idle_timeout_seconds: Annotated[int, Field(ge=0)] | None = None
    resources: Resources | None = None
    security_context: dict[str, Any] | None = None


class Cluster(Part):
    """Head and workers."""

    ray_version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
    enable_in_tree_autoscaling: bool = False
    autoscaler_options: AutoscalerOptions | None = None
    auth_options: AuthOptions
    gcs_fault_tolerance_options: FaultTolerance | None = None
    head_group_spec: Head
    worker_group_specs: Annotated[list[Workers], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_version(self) -> Cluster:
        groups = [self.head_group_spec.template, *(group.template for group in self.worker_group_specs)]
        if len({group.spec.containers[0].image for group in groups}) > 1:
            raise ValueError("head and workers have different images: all of a cluster has one Ray and one Python")
        return self


class Spec(Part):
    """`serveConfigV2` is YAML in a string."""

    serve_config_v2: str = Field(alias="serveConfigV2")
    ray_cluster_config: Cluster
    upgrade_strategy: UpgradeStrategy
    exclude_head_pod_from_serve_svc: bool = False
    ray_cluster_deletion_delay_seconds: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _together(self) -> Spec:
        if self.upgrade_strategy.type == INCREMENTAL and not self.ray_cluster_config.enable_in_tree_autoscaling:
            raise ValueError(f"{INCREMENTAL} needs rayClusterConfig.enableInTreeAutoscaling: true")
        return self


class RayService(Part):
    """The manifest."""

    api_version: Literal["ray.io/v1"]
    kind: Literal["RayService"]
    metadata: Metadata
    spec: Spec


class JobTemplate(Part):
    """The pod of a Job."""

    spec: Pod


class JobSpec(Part):
    """Tried once."""

    backoff_limit: Literal[0]
    template: JobTemplate


class Job(Part):
    """What runs the migrations."""

    api_version: Literal["batch/v1"]
    kind: Literal["Job"]
    metadata: Metadata
    spec: JobSpec


def manifest_problems(manifest: object, schema: Schema, values: Values) -> list[str]:
    """Everything that is wrong, a line each; `schema` and `values` are Serve's, for the Serve config inside."""
    lines = list(dict.fromkeys(f"{path(place)}: {said}" for place, said in _held(RayService, manifest)))
    spec = manifest.get("spec") if isinstance(manifest, Mapping) else None
    text = spec.get("serveConfigV2") if isinstance(spec, Mapping) else None
    if isinstance(text, str):
        lines += [f"spec.serveConfigV2: {line}" for line in _serve_problems(text, schema, values)]
    return lines


def job_problems(manifest: object) -> list[str]:
    """Everything that is wrong with a migration."""
    return [f"{path(place)}: {said}" for place, said in _held(Job, manifest)]


def _serve_problems(text: str, schema: Schema, values: Values) -> Iterator[str]:
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        yield f"is no YAML: {' '.join(str(error).split())}"
        return
    yield from problems(config, schema, values)
    if not isinstance(config, Mapping):
        return
    options = config.get("http_options")
    if not isinstance(options, Mapping) or options.get("host") != "0.0.0.0":  # noqa: S104 a pod's own address
        yield "http_options.host: must be 0.0.0.0, or nothing outside the pod reaches it"
    if config.get("proxy_location") != "EveryNode":
        yield "proxy_location: must be EveryNode; KubeRay sends requests to every pod that is ready"


def _held(model: type[Part], value: object) -> Found:
    schema = model.model_json_schema()
    yield from unknown_keys(value, schema, schema, ())
    try:
        model.model_validate(value)
    except ValidationError as error:
        for each in error.errors(include_input=False, include_url=False):
            if each["type"] != "extra_forbidden":  # named above, with the nearest right key
                place: Place = each["loc"]
                yield place, each["msg"].removeprefix("Value error, ")
