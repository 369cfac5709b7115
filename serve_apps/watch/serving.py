"""What Serve runs, what it is to run, and which release has how much of the traffic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.monitoring.metrics import (
    FORECAST,
    RELEASE_WEIGHT,
    ROLLOUT_STATE,
    ROLLOUT_STEP_STARTED,
    RUNNING,
    STEPS,
    WANTED,
    WORKER,
)
from serve_apps.load.facts import ROUTING
from serve_apps.load.outlook import Facts, expected_of, share
from serve_apps.watch.parts import Gauges

RECOGNIZER = "recognizer-"
AHEAD = "expected_within_60_s"
STARTING = ("UPDATING", "UPSCALING")
STARTING_LOOKS = 18
"""So many looks, three minutes, a slot may wait for its first replica while Serve starts some: more load and a new
release are no fault, and a slot that goes and comes again must not look like a replica that ends again and again."""

Applications = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Rollout:
    """The newest one: its step, and when it came to that or to its share of the traffic, in epoch seconds."""

    step: str
    updated_at: float


class Workers:
    """Slots for replicas: as many as are wanted."""

    def __init__(self, applications: Applications, gauges: Gauges) -> None:
        self._applications = applications
        self._gauges = gauges
        self._looks: dict[str, int] = {}  # at a slot in which nothing has run yet
        self._ran: set[str] = set()

    def look(self) -> None:
        """Once. Raises what asking Serve raises."""
        found = self._applications()
        for name, application in found.items():
            wanted, running = replicas(application)
            self._gauges.set(WANTED, wanted, name)
            self._gauges.set(RUNNING, running, name)
            for slot in range(wanted):
                if slot < running or not self._may_start(f"{name}/{slot}", application):
                    self._gauges.set(WORKER, float(slot < running), f"{name}/{slot}", kind_of(name))
            self._ran |= {f"{name}/{slot}" for slot in range(min(wanted, running))}
        slots = {f"{name}/{slot}" for name, each in found.items() for slot in range(replicas(each)[0])}
        self._ran &= slots
        self._looks = {slot: looks for slot, looks in self._looks.items() if slot in slots}

    def _may_start(self, worker: str, application: Mapping[str, Any]) -> bool:
        """Whether this slot is new, and Serve has not had long to fill it."""
        self._looks[worker] = self._looks.get(worker, 0) + 1
        is_new = worker not in self._ran and self._looks[worker] <= STARTING_LOOKS
        return is_new and any(
            str(each.get("status", "")).endswith(STARTING) for each in application["deployments"].values()
        )


class Releases:
    """Weights that gateways obey, with the release of each colour, and the newest rollout."""

    def __init__(
        self,
        applications: Applications,
        facts: Callable[[], Facts],
        newest: Callable[[], Rollout | None],
        gauges: Gauges,
    ) -> None:
        self._applications = applications
        self._facts = facts
        self._newest = newest
        self._gauges = gauges

    def look(self, now: float) -> None:
        """Once. Raises what asking raises."""
        self._show_rollout()
        facts, deployed = self._facts(), releases_of(self._applications())
        for application, release in deployed.items():
            label = release, application.removeprefix(RECOGNIZER)
            if ROUTING in facts:
                self._gauges.set(RELEASE_WEIGHT, 100 * share(facts[ROUTING][1], application, now), *label)
            if (rate := expected_of(facts, application, now).get(AHEAD)) is not None:
                self._gauges.set(FORECAST, rate, application)

    def _show_rollout(self) -> None:
        newest = self._newest()
        step = newest.step if newest else "idle"
        for state in STEPS:
            self._gauges.set(ROLLOUT_STATE, float(state == step), state)
        if newest:
            self._gauges.set(ROLLOUT_STEP_STARTED, newest.updated_at)


def kind_of(application: str) -> str:
    """The kind of worker that an application has."""
    return application.partition("-")[0]


def replicas(application: Mapping[str, Any]) -> tuple[int, int]:
    """How many are wanted, and how many run.

    One that could not even be built, as by an import that fails, has no deployments; somebody wants it all the same.
    """
    deployments = list((application.get("deployments") or {}).values())
    wanted = sum(each["target_num_replicas"] for each in deployments)
    if not deployments and str(application.get("status", "")).endswith("DEPLOY_FAILED"):
        wanted = 1
    running = sum(str(each["state"]).endswith("RUNNING") for one in deployments for each in one["replicas"])
    return wanted, running


def releases_of(applications: Mapping[str, Any]) -> dict[str, str]:
    """The release of each recognizer application that is deployed."""
    return dict(_releases(applications))


def _releases(applications: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, application in applications.items():
        arguments = (application.get("deployed_app_config") or {}).get("args") or {}
        if name.startswith(RECOGNIZER) and "release" in arguments:
            yield name, str(arguments["release"])


def running_releases(applications: Mapping[str, Any]) -> dict[str, str]:
    """Those of which a replica runs."""
    return {name: release for name, release in releases_of(applications).items() if replicas(applications[name])[1]}
