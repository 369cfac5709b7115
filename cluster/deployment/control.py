"""The only calls to Serve: the REST interface of Ray's dashboard (2.60), and Serve's models for `strict`.

Everything raised derives from ServeError: one line that says what to do.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError

from cluster.deployment.nearest import Place, no_such_key
from cluster.deployment.strict import members

APPLICATIONS = "/api/serve/applications/"
NODES = "/api/v0/nodes?detail=true&limit=1000"
SECONDS = 10.0


class ServeError(Exception):
    """Serve was not reached, or did not do it."""


class DashboardUnreachable(ServeError):
    """Nothing answers at the dashboard's address."""


class TokenRefused(ServeError):
    """Another cluster's token, or none."""


class ConfigRefused(ServeError):
    """Serve does not take this config."""


class ServeNotRunning(ServeError):
    """Ray runs and has no application."""


@dataclass(frozen=True, slots=True)
class Replica:
    """`state` and `node` (an id) in Ray's words; `pid` is None until the process runs."""

    id: str
    state: str
    pid: int | None
    node: str | None


@dataclass(frozen=True, slots=True)
class Deployment:
    """`target` is the number of replicas that Serve aims at; `message` is the last error's text."""

    name: str
    status: str
    message: str
    target: int | None
    replicas: tuple[Replica, ...]


@dataclass(frozen=True, slots=True)
class ApplicationDetails:
    """An application as Serve sees it; RUNNING, DEPLOYING, DEPLOY_FAILED, UNHEALTHY, DELETING or NOT_STARTED."""

    name: str
    status: str
    message: str
    deployments: tuple[Deployment, ...]


class Serve:
    """A running Serve. `transport` stands in for the network."""

    def __init__(self, dashboard_url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        # No proxy of the environment may see the token.
        self._client = httpx.Client(
            base_url=dashboard_url, headers=headers, timeout=SECONDS, trust_env=False, transport=transport
        )

    def __enter__(self) -> Serve:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def config(self) -> dict[str, Any]:
        """The config as deployed, which `put` takes again. Raises ServeError."""
        answer = self._asked("GET", APPLICATIONS)
        config = _config(answer)
        if not config["applications"]:
            raise ServeNotRunning(f"no application is deployed at {self._client.base_url}; start it with doorbell up")
        return config

    def put(self, config: Mapping[str, Any]) -> None:
        """Make this the goal; Serve works towards it on its own, and removes what is not in it. Raises ServeError."""
        self._asked("PUT", APPLICATIONS, config)

    def details(self) -> dict[str, ApplicationDetails]:
        """The applications by name. Raises ServeError."""
        applications = self._asked("GET", APPLICATIONS)["applications"]
        return {name: _application(application) for name, application in applications.items()}

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes that Ray has and remembers, in its state API's words. Raises ServeError."""
        found: list[dict[str, Any]] = self._asked("GET", NODES)["data"]["result"]["result"]
        return found

    def free(self) -> dict[str, dict[str, float]]:
        """What no actor has asked for, by node's id and resource, as of some 5 s ago. Raises ServeError."""
        status = self._asked("GET", "/api/cluster_status")["data"]["clusterStatus"] or {}
        report = status.get("loadMetricsReport", {})  # some of Ray's tell the sum only: one node stands for all
        nodes = report.get("usageByNode") or {"": report.get("usage") or {}}
        if not any("CPU" in node for node in nodes.values()):
            raise ServeError(f"{self._client.base_url} does not know the cluster's CPUs yet; try again in 5 s")
        return {
            address: {name: total - used for name, (used, total) in node.items()} for address, node in nodes.items()
        }

    def _asked(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:
        url = self._client.base_url
        try:
            answer = self._client.request(method, path, json=content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DashboardUnreachable(
                f"Ray's dashboard does not answer at {url} ({str(error) or type(error).__name__}); is the cluster up?"
            ) from error
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise TokenRefused(f"{url} refuses the token; it belongs to another cluster's data folder")
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise ConfigRefused(f"Serve refuses the config: {' '.join(answer.text.split())[:500]}")
        if answer.is_error:
            raise ServeError(f"{url} answered {answer.status_code}: {' '.join(answer.text.split())[:200]}")
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise DashboardUnreachable(f"what answers at {url} is not Ray's dashboard") from None


def serve_schema() -> dict[str, Any]:
    """Serve's own JSON schema of a config."""
    from ray.serve.schema import ServeDeploySchema

    return ServeDeploySchema.model_json_schema()


def serve_values(config: object) -> Iterator[tuple[Place, str]]:
    """What Serve's models say of a config's values.

    Of a deployment's autoscaling and the like Serve takes any mapping and looks at it only when it deploys.
    """
    from ray.serve.config import AutoscalingConfig, GangSchedulingConfig, RequestRouterConfig
    from ray.serve.schema import ServeDeploySchema

    yield from _wrong(ServeDeploySchema, config, ())
    parts: dict[str, type[BaseModel]] = {
        "autoscaling_config": AutoscalingConfig,
        "request_router_config": RequestRouterConfig,
        "gang_scheduling_config": GangSchedulingConfig,
    }
    for number, application in members(config, "applications"):
        yield from _environment(application, ("applications", number))
        for index, deployment in members(application, "deployments"):
            yield from _environment(deployment.get("ray_actor_options"), ("applications", number, "deployments", index))
            for key, model in parts.items():
                if isinstance(deployment.get(key), dict):
                    place = ("applications", number, "deployments", index, key)
                    yield from _wrong(model, _without_code(deployment[key]), place)


def _environment(owner: object, place: Place) -> Iterator[tuple[Place, str]]:
    from ray.runtime_env import RuntimeEnv

    environment = owner.get("runtime_env") if isinstance(owner, Mapping) else None
    for key in environment if isinstance(environment, Mapping) else ():
        if key not in RuntimeEnv.known_fields:
            public = [name for name in RuntimeEnv.known_fields if not name.startswith("_")]
            yield (*place, "runtime_env", str(key)), no_such_key(key, public)


def _without_code(part: Mapping[str, Any]) -> dict[str, Any]:
    """Serve's model of a policy imports it; `strict` looks whether it is there without that."""
    if not isinstance(policy := part.get("policy"), Mapping):
        return dict(part)
    return dict(part) | {"policy": {key: value for key, value in policy.items() if key != "policy_function"}}


def _wrong(model: type[BaseModel], value: object, place: Place) -> Iterator[tuple[Place, str]]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of what a later Ray will refuse
            model.model_validate(value)
    except ValidationError as error:
        for each in error.errors(include_input=False, include_url=False):
            if each["type"] != "extra_forbidden":  # strict names these itself, with the nearest right key
                yield (*place, *_in(value, each["loc"])), each["msg"].removeprefix("Value error, ")


def _in(value: object, place: Place) -> Place:
    """A place as far as the value has it, or lacks it: Pydantic adds which alternative of a type it tried."""
    for depth, part in enumerate(place):
        if isinstance(value, Mapping):
            if part not in value:
                return place[: depth + 1]
            value = value[part]
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            return place[:depth]
    return place


def _config(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Serve writes the common `logging_config` into every application; here it is one again."""
    # One that is being deleted has no config any more.
    configs = [each.get("deployed_app_config") for each in answer["applications"].values()]
    applications = [dict(config) for config in configs if config]
    logs = [application.get("logging_config") for application in applications]
    config: dict[str, Any] = {"proxy_location": answer["proxy_location"]}
    config["http_options"] = {key: value for key, value in answer["http_options"].items() if value is not None}
    if (answer.get("grpc_options") or {}).get("grpc_servicer_functions"):
        config["grpc_options"] = answer["grpc_options"]
    if answer.get("target_capacity") is not None:
        config["target_capacity"] = answer["target_capacity"]
    if logs and logs[0] and all(log == logs[0] for log in logs):
        config["logging_config"] = logs[0]
        for application in applications:
            del application["logging_config"]
    return config | {"applications": applications}


def _application(found: Mapping[str, Any]) -> ApplicationDetails:
    deployments = tuple(_deployment(each) for each in found["deployments"].values())
    return ApplicationDetails(found["name"], found["status"], found["message"], deployments)


def _deployment(found: Mapping[str, Any]) -> Deployment:
    replicas = tuple(
        Replica(each["replica_id"], each["state"], each.get("pid"), each.get("node_id")) for each in found["replicas"]
    )
    return Deployment(found["name"], found["status"], found["message"], found.get("target_num_replicas"), replicas)
