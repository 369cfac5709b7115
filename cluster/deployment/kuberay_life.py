"""When a container of a RayService gets traffic, and what is done before it ends."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

DRAIN_SECONDS = 45
DRAIN = (
    "ray drain-node --reason DRAIN_NODE_REASON_PREEMPTION --reason-message 'the pod ends' "
    f"--deadline-remaining-seconds {DRAIN_SECONDS} && sleep {DRAIN_SECONDS}"
)
"""Of a worker, whoever ends it: Serve starts its replicas elsewhere first. Without a running Ray it ends at once."""


GUARD = "while :; do doorbell release guard; sleep 10; done > /proc/1/fd/1 2>&1 &"
"""Of the head: its lines are among the container's, and it ends with it."""


def guarded() -> dict[str, Any]:
    """The head container's `lifecycle`. KubeRay gives Ray's token to that container only, so this is no other one."""
    return {"postStart": {"exec": {"command": ["/bin/sh", "-c", GUARD]}}}


def drained_first() -> dict[str, Any]:
    """The container's `lifecycle`."""
    return {"preStop": {"exec": {"command": ["/bin/sh", "-c", DRAIN]}}}


class Part(BaseModel):
    """A mapping without other keys, in Kubernetes' spelling."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class Http(Part):
    """What a probe asks for."""

    path: str
    port: int | str


class Probe(Part):
    """Whether a pod gets traffic, or is started again."""

    http_get: Http
    initial_delay_seconds: Annotated[int, Field(ge=0)] = 0
    period_seconds: Annotated[int, Field(ge=1)] = 10
    timeout_seconds: Annotated[int, Field(ge=1)] = 1
    failure_threshold: Annotated[int, Field(ge=1)] = 3


class Command(Part):
    """Run in the container."""

    command: Annotated[list[str], Field(min_length=1)]


class Hook(Part):
    """What is done at a moment of the container's life."""

    exec: Command


class Lifecycle(Part):
    """After the container's start, and before Kubernetes sends it SIGTERM."""

    post_start: Hook | None = None
    pre_stop: Hook | None = None
