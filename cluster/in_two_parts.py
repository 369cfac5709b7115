"""Serve's applications on one machine: first what answers a door, then the rest.

A process of Ray's takes three seconds of a core until it does anything, and each application has two at its start. On
two cores a visitor would wait half as long again if all began at once.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from cluster.deployment.shipped import scalings
from cluster.preflight import CannotStart

LATER = frozenset({"courier", "forecaster", "watch", "backup"})
POLL_SECONDS = 0.2
STARTS_AGAIN_SECONDS = 30.0
"""How long Serve may call an application failed of which a replica ended: it starts another by itself."""
Config = Mapping[str, Any]


class Client(Protocol):
    """Of Serve's REST API, as `serve deploy` has it."""

    def deploy_applications(self, config: dict[str, Any]) -> None: ...

    def get_serve_details(self) -> dict[str, Any]: ...


class Deployed:
    """A config handed to Serve.

    `seconds` is how long applications may take to start, `starts_again` how long one may be failed that Serve mends.
    """

    def __init__(
        self, client: Client, config: Config, seconds: float, starts_again: float = STARTS_AGAIN_SECONDS
    ) -> None:
        self._client = client
        self._config = config
        self._seconds = seconds
        self._starts_again = starts_again
        self._ended = threading.Event()

    def first(self) -> None:
        """Deploy what answers a door, one recognizer of each colour, and wait until it runs. Raises CannotStart."""
        config = _only(self._config, lambda name: name not in LATER)
        for scaling in scalings(config["applications"]):
            scaling["min_replicas"] = min(1, scaling["min_replicas"])
        self._put(config)
        self._until_running(config, fails_for=0.0)

    def rest(self, say: Callable[[str], None], *, wait: bool, only: Collection[str] = LATER) -> None:
        """Deploy the rest too, or `only` that.

        Raises CannotStart with `wait`; without, `say` tells what did not start.
        """
        config = _only(self._config, lambda name: name not in LATER or name in only)
        self._put(config)
        if wait:
            self._until_running(config, fails_for=0.0)
        else:
            threading.Thread(target=self._watch, args=(config, say), name="rest", daemon=True).start()

    def end(self) -> None:
        """The cluster ends: whatever has not started by now is nobody's concern any more."""
        self._ended.set()

    def _watch(self, config: Config, say: Callable[[str], None]) -> None:
        try:
            self._until_running(config, fails_for=self._starts_again)
        except (CannotStart, RuntimeError, OSError) as error:
            if not self._ended.is_set():
                say(f"doors are answered, but {error}; see 'doorbell diagnose'")

    def _put(self, config: Mapping[str, Any]) -> None:
        try:
            self._client.deploy_applications(dict(config))
        except (RuntimeError, ConnectionError) as error:
            raise CannotStart(f"Serve did not start: {_last_error(str(error).splitlines())}") from error

    def _until_running(self, config: Config, fails_for: float) -> None:
        awaited, deadline = config["applications"], time.monotonic() + self._seconds
        well_at = dict.fromkeys((each["name"] for each in awaited), time.monotonic())
        while True:
            found = self._client.get_serve_details()["applications"]
            states = {each["name"]: _state(each, found.get(each["name"], {})) for each in awaited}
            if all(state == "RUNNING" for state in states.values()):
                return
            for name, state in states.items():
                if state != "DEPLOY_FAILED":
                    well_at[name] = time.monotonic()
                elif time.monotonic() >= well_at[name] + fails_for:
                    raise CannotStart(f"{name} did not start: {_last_line(found[name])}")
            if time.monotonic() > deadline:
                raise CannotStart(f"the application did not start within {self._seconds:.0f} s: {states}")
            if self._ended.wait(POLL_SECONDS):
                return


def _only(config: Config, chosen: Callable[[str], bool]) -> dict[str, Any]:
    applications = [copy.deepcopy(each) for each in config["applications"] if chosen(each["name"])]
    return {**config, "applications": applications}


def _state(application: Config, found: Mapping[str, Any]) -> str:
    """Serve's word for it, but no RUNNING before the least replicas run that its config asks for."""
    state = str(found.get("status", "NOT_STARTED"))
    for deployment in application.get("deployments", ()):
        least = (deployment.get("autoscaling_config") or {}).get("min_replicas", 0)
        there = found.get("deployments", {}).get(deployment["name"], {}).get("replicas", ())
        if state == "RUNNING" and sum(replica["state"] == "RUNNING" for replica in there) < least:
            return "SCALING"
    return state


def _last_line(application: Mapping[str, Any]) -> str:
    """The exception at the end of the first failed deployment's traceback."""
    messages = [deployment.get("message", "") for deployment in application.get("deployments", {}).values()]
    return _last_error([line for text in [*messages, application.get("message", "")] for line in text.splitlines()])


def _last_error(lines: list[str]) -> str:
    errors = [line.strip() for line in lines if "Error" in line or "Exception" in line]
    return (errors or lines or ["no reason was given"])[-1]
