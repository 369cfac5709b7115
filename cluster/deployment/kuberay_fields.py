"""The part of KubeRay's RayService (ray.io/v1, KubeRay 1.5.1 and later) that a manifest of ours may have, checked.

Kubernetes tells of a misspelt key when the manifest arrives, the operator of what does not fit together when it acts,
and neither of anything that only this application needs. Names and bounds are those of KubeRay's CRD and operator.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from cluster.deployment.kuberay_life import Lifecycle, Part, Probe

Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=41)]
"""A DNS label, short enough for what KubeRay adds to it."""

Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|[kMGT]i?)?$")]
Image = Annotated[str, Field(pattern=r"^[\w./-]+(:[0-9]+/[\w./-]+)?(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$")]
Labels = dict[str, str]

SECRET_VARIABLES = frozenset(
    {"DOORBELL_DATABASE_URL", "DOORBELL_KEYRING_URL", "AWS_SECRET_ACCESS_KEY", "RAY_AUTH_TOKEN", "REDIS_PASSWORD"}
)
"""Never literal: whoever may read the manifest would have them."""


class Metadata(Part):
    """Of the manifest or of its pods."""

    name: Name | None = None
    generate_name: str | None = None
    namespace: Name | None = None
    labels: Labels | None = None
    annotations: Labels | None = None


class KeyRef(Part):
    """One key of a Secret or a ConfigMap."""

    name: str
    key: str
    optional: bool = False


class ValueFrom(Part):
    """Where a variable's value is."""

    secret_key_ref: KeyRef | None = None
    config_map_key_ref: KeyRef | None = None
    field_ref: dict[str, str] | None = None


class Variable(Part):
    """Of the environment."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    value: str | None = None
    value_from: ValueFrom | None = None

    @model_validator(mode="after")
    def _no_secret(self) -> Variable:
        if self.name in SECRET_VARIABLES and self.value is not None:
            raise ValueError(f"{self.name} is a secret: give valueFrom.secretKeyRef")
        return self


class SourceName(Part):
    """A whole Secret or ConfigMap."""

    name: str
    optional: bool = False


class Source(Part):
    """Variables from it."""

    config_map_ref: SourceName | None = None
    secret_ref: SourceName | None = None


class Resources(Part):
    """Requests and limits by name."""

    requests: dict[str, Quantity] | None = None
    limits: dict[str, Quantity] | None = None


class Port(Part):
    """That the container listens on."""

    name: str
    container_port: Annotated[int, Field(ge=1, le=65535)]


class Mount(Part):
    """Where a volume is seen."""

    name: str
    mount_path: str
    read_only: bool = False


class Security(Part):
    """Of a container."""

    allow_privilege_escalation: Literal[False]
    read_only_root_filesystem: bool = False
    run_as_non_root: bool | None = None
    capabilities: dict[str, list[str]] | None = None


class Container(Part):
    """The first of a pod is Ray's; KubeRay gives it its command."""

    name: str
    image: Image
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    ports: list[Port] | None = None
    env: list[Variable] | None = None
    env_from: list[Source] | None = None
    resources: Resources | None = None
    volume_mounts: list[Mount] | None = None
    readiness_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    security_context: Security

    @model_validator(mode="after")
    def _pinned(self) -> Container:
        tag = self.image.rpartition("/")[2].partition(":")[2]
        if not tag or tag == "latest":
            raise ValueError(f"{self.image}: give a tag or a digest; without one nodes may run different versions")
        return self


class Item(Part):
    """A key of a Secret as a file."""

    key: str
    path: str


class Secret(Part):
    """As files."""

    secret_name: str
    default_mode: int | None = None
    items: list[Item] | None = None


class Volume(Part):
    """A Secret, or an empty folder."""

    name: str
    secret: Secret | None = None
    empty_dir: dict[str, str] | None = None


class Pod(Part):
    """What both kinds of node, and the migration, are made of."""

    containers: Annotated[list[Container], Field(min_length=1)]
    init_containers: list[Container] | None = None
    volumes: list[Volume] | None = None
    enable_service_links: bool = True
    restart_policy: Literal["Never"] | None = None
    service_account_name: str | None = None
    security_context: dict[str, Any]
    termination_grace_period_seconds: Annotated[int, Field(ge=0)] | None = None
    image_pull_secrets: list[dict[str, str]] | None = None
    node_selector: Labels | None = None
    tolerations: list[dict[str, Any]] | None = None
    affinity: dict[str, Any] | None = None
    topology_spread_constraints: list[dict[str, Any]] | None = None

    @model_validator(mode="after")
    def _together(self) -> Pod:
        if self.enable_service_links:
            raise ValueError(
                "enableServiceLinks must be false: a service called doorbell-… would set variables DOORBELL_…, "
                "and the program refuses those that it does not know"
            )
        known = {volume.name for volume in self.volumes or []}
        for container in [*self.containers, *(self.init_containers or [])]:
            if missing := [mount.name for mount in container.volume_mounts or [] if mount.name not in known]:
                raise ValueError(f"{container.name} mounts {missing[0]}, and there is no such volume")
        return self


class Template(Part):
    """A pod to be made."""

    metadata: Metadata | None = None
    spec: Pod


class Head(Part):
    """The head's pod."""

    service_type: Literal["ClusterIP"] | None = None
    ray_start_params: dict[str, str]
    template: Template

    @model_validator(mode="after")
    def _no_replicas(self) -> Head:
        if self.ray_start_params.get("num-cpus") != "0":
            raise ValueError('rayStartParams must have num-cpus: "0": replicas on the head end with it')
        return self


class Workers(Part):
    """A group of equal pods."""

    group_name: Name
    replicas: Annotated[int, Field(ge=0)]
    min_replicas: Annotated[int, Field(ge=0)]
    max_replicas: Annotated[int, Field(ge=1)]
    idle_timeout_seconds: Annotated[int, Field(ge=0)] | None = None
    ray_start_params: dict[str, str]
    template: Template

    @model_validator(mode="after")
    def _in_order(self) -> Workers:
        if not self.min_replicas <= self.replicas <= self.max_replicas:
            raise ValueError("minReplicas, replicas and maxReplicas must rise in this order")
        return self
