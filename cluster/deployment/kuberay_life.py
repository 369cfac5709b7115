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
    """Before Kubernetes sends SIGTERM."""

    pre_stop: Hook
