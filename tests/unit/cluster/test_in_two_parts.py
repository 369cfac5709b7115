from __future__ import annotations

import threading
from typing import Any

import pytest

from cluster.in_two_parts import Deployed
from cluster.preflight import CannotStart

CONFIG = {"applications": [{"name": name} for name in ("gateway", "courier", "forecaster", "watch")]}
BROKEN = {"status": "DEPLOY_FAILED", "deployments": {"Watch": {"message": "Traceback\n  line 1\nOSError: no clock\n"}}}


class Serve:
    """Runs what it is given at once, but for what is in `broken`."""

    def __init__(self, **broken: dict[str, Any]) -> None:
        self.broken = broken
        self.given: list[list[str]] = []

    def deploy_applications(self, config: dict[str, Any]) -> None:
        self.given.append([each["name"] for each in config["applications"]])

    def get_serve_details(self) -> dict[str, Any]:
        return {"applications": {name: {"status": "RUNNING"} for name in self.given[-1]} | self.broken}


class Scaled:
    """Says that it runs while the second recognizer is still starting."""

    def __init__(self) -> None:
        self.least: list[int] = []
        self.looks = 0

    def deploy_applications(self, config: dict[str, Any]) -> None:
        self.least.append(config["applications"][0]["deployments"][0]["autoscaling_config"]["min_replicas"])

    def get_serve_details(self) -> dict[str, Any]:
        self.looks += 1
        replicas = [{"state": "RUNNING"}, {"state": "RUNNING" if self.looks > 3 else "STARTING"}]
        return {
            "applications": {
                "recognizer-blue": {"status": "RUNNING", "deployments": {"Recognizer": {"replicas": replicas}}}
            }
        }


def test_what_nobody_at_a_door_waits_for_is_deployed_after_the_rest() -> None:
    serve = Serve()
    deployed = Deployed(serve, CONFIG, 1.0)
    deployed.first()
    deployed.rest(print, wait=True)

    assert serve.given == [["gateway"], ["gateway", "courier", "forecaster", "watch"]]


def test_of_the_rest_only_that_is_deployed_which_is_asked_for() -> None:
    serve = Serve()
    deployed = Deployed(serve, CONFIG, 1.0)
    deployed.first()
    deployed.rest(print, wait=True, only={"courier"})

    assert serve.given == [["gateway"], ["gateway", "courier"]]


def test_doors_are_answered_by_one_recognizer_and_the_others_are_waited_for_with_the_rest() -> None:
    deployment = {"name": "Recognizer", "autoscaling_config": {"min_replicas": 2, "max_replicas": 4}}
    serve = Scaled()
    deployed = Deployed(serve, {"applications": [{"name": "recognizer-blue", "deployments": [deployment]}]}, 5.0)
    deployed.first()
    assert serve.least == [1]
    deployed.rest(print, wait=True)

    assert serve.least == [1, 2]
    assert serve.looks > 3
    assert deployment["autoscaling_config"]["min_replicas"] == 2


def test_a_gateway_that_does_not_start_is_the_end_with_its_last_line() -> None:
    with pytest.raises(CannotStart, match="gateway did not start: OSError: no clock"):
        Deployed(Serve(gateway=BROKEN), CONFIG, 1.0).first()


def test_a_watch_that_does_not_start_leaves_the_doors_answered_and_is_told() -> None:
    told, said = threading.Event(), []

    def say(line: str) -> None:
        said.append(line)
        told.set()

    deployed = Deployed(Serve(watch=BROKEN), CONFIG, 1.0, starts_again=0.0)
    deployed.first()
    deployed.rest(say, wait=False)

    assert told.wait(5)
    assert "watch did not start: OSError: no clock" in said[0]


def test_of_a_replica_that_ended_and_that_serve_starts_again_nothing_is_said() -> None:
    said: list[str] = []
    serve = Serve()
    deployed = Deployed(serve, CONFIG, 60.0)
    deployed.first()
    serve.broken = {"gateway": BROKEN}
    deployed.rest(said.append, wait=False)
    threading.Event().wait(0.5)
    serve.broken = {}
    for thread in threading.enumerate():
        if thread.name == "rest":
            thread.join(5)

    assert said == []


def test_of_a_cluster_that_ends_nothing_more_is_said() -> None:
    said: list[str] = []
    serve = Serve(watch={"status": "DEPLOYING"})
    deployed = Deployed(serve, CONFIG, 60.0)
    deployed.first()
    deployed.rest(said.append, wait=False)
    deployed.end()
    for thread in threading.enumerate():
        if thread.name == "rest":
            thread.join(5)

    assert said == []


def test_what_never_runs_is_told_after_its_time() -> None:
    with pytest.raises(CannotStart, match="within 0 s"):
        Deployed(Serve(gateway={"status": "DEPLOYING"}), CONFIG, 0.0).first()
