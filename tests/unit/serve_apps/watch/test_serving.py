from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from serve_apps.watch.parts import Gauges, fresh
from serve_apps.watch.serving import STARTING_LOOKS, Releases, Rollout, Workers, running_releases
from tests.noted import Noted


def application(wanted: int, running: int, release: str | None = None) -> dict[str, Any]:
    replicas = [{"state": "RUNNING"}] * running + [{"state": "STARTING"}]
    args = {} if release is None else {"release": release}
    deployments = {"D": {"target_num_replicas": wanted, "replicas": replicas}}
    return {"deployments": deployments, "deployed_app_config": {"args": args}}


def slots(noted: Noted) -> dict[str, float]:
    return {key[1]: value for key, value in noted.gauges.items() if key[0] == "pipeline_worker_health"}


def test_a_slot_that_is_wanted_and_empty_is_not_well_and_one_that_is_not_wanted_any_more_is_none() -> None:
    noted, found = Noted(), {"courier": application(1, 1), "recognizer-blue": application(3, 2)}
    look = fresh(noted, lambda gauges: Workers(lambda: found, gauges).look)
    look()
    assert slots(noted) == {"courier/0": 1, "recognizer-blue/0": 1, "recognizer-blue/1": 1, "recognizer-blue/2": 0}

    found["recognizer-blue"] = application(1, 1)
    del found["courier"]
    look()

    assert slots(noted) == {"recognizer-blue/0": 1}
    assert ("autoscaling_wanted_replicas", "courier") not in noted.gauges


def test_a_slot_that_comes_and_goes_with_the_load_is_empty_only_when_nothing_starts_in_it_for_long() -> None:
    noted, found = Noted(), {"recognizer-blue": application(1, 1)}
    look = fresh(noted, lambda gauges: Workers(lambda: found, gauges).look)
    starting = application(2, 1)
    starting["deployments"]["D"]["status"] = "UPSCALING"
    seen = []
    for state in (
        application(1, 1),
        starting,
        application(2, 2),
        application(1, 1),
        *[starting] * (STARTING_LOOKS + 1),
    ):
        found["recognizer-blue"] = state
        look()
        seen.append(slots(noted).get("recognizer-blue/1"))

    assert seen == [None, None, 1, None, *[None] * STARTING_LOOKS, 0]


def test_a_replica_that_was_lost_is_missed_at_once_also_while_others_start() -> None:
    noted, found = Noted(), {"recognizer-blue": application(2, 2)}
    workers = Workers(lambda: found, noted)
    workers.look()
    found["recognizer-blue"] = application(3, 1)
    found["recognizer-blue"]["deployments"]["D"]["status"] = "UPSCALING"
    workers.look()

    assert slots(noted) == {"recognizer-blue/0": 1, "recognizer-blue/1": 0}


def test_weights_are_shown_with_the_release_of_the_colour_and_a_release_that_went_is_gone() -> None:
    noted, found = Noted(), {"recognizer-blue": application(1, 1, "a-1"), "recognizer-green": application(1, 1, "b-1")}
    weights = {"weights": {"recognizer-blue": 75, "recognizer-green": 25}}
    facts = {"routing": (datetime.now(UTC), weights)}

    def releases(gauges: Gauges) -> Callable[[], None]:
        return partial(Releases(lambda: found, lambda: facts, lambda: Rollout("switching", 5.0), gauges).look, 0.0)

    look = fresh(noted, releases)
    look()
    found["recognizer-green"] = application(1, 1, "b-2")
    look()

    shown = {key[1:]: value for key, value in noted.gauges.items() if key[0] == "release_weight"}
    assert shown == {("a-1", "blue"): 75, ("b-2", "green"): 25}
    states = {key[1]: value for key, value in noted.gauges.items() if key[0] == "rollout_state"}
    assert len(states) == 8
    assert [state for state, value in states.items() if value] == ["switching"]


def test_only_recognizers_that_run_are_shown_golden_frames() -> None:
    found = {"recognizer-blue": application(1, 1, "a-1"), "recognizer-green": application(1, 0, "b-1")}

    assert running_releases(found | {"gateway": application(1, 1)}) == {"recognizer-blue": "a-1"}


def test_an_application_that_could_not_even_be_built_is_missed() -> None:
    noted, found = Noted(), {"gateway": {"status": "DEPLOY_FAILED", "deployments": {}}}
    Workers(lambda: found, noted).look()

    assert slots(noted) == {"gateway/0": 0}
