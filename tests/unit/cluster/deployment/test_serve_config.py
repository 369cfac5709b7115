from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from cluster.deployment.colours import Deployed, Lease, State, StateError
from cluster.deployment.serve_config import generate, state_of
from cluster.deployment.shipped import on_one_machine, shipped

BLUE, GREEN = Deployed("yunet-dlib-1", "a" * 64), Deployed("yunet-sface-1")
BOTH = {"blue": BLUE, "green": GREEN}
UNTIL = datetime(2026, 11, 24, 2, 0, 0, 250_000, tzinfo=UTC)
CANARY = State("blue", BOTH, {"blue": 95, "green": 5}, Lease(UNTIL, {"blue": 100}), 7)
STATES = [
    State("blue", {"blue": BLUE}, {"blue": 100}),
    State("green", {"green": GREEN}, {"green": 100}, epoch=1),
    State("green", BOTH, {"green": 100, "blue": 0}),
    State("green", BOTH, {"blue": 50, "green": 50}),
    State("blue", BOTH, {"green": 100}, Lease(UNTIL, {"blue": 100}), 9),
    CANARY,
]


def recognizers(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in config["applications"] if each["name"].startswith("recognizer-")}


def scaling(application: dict[str, Any]) -> dict[str, Any]:
    return application["deployments"][0]["autoscaling_config"]


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_read_back_from_its_config_and_from_its_yaml(state: State) -> None:
    config = generate(shipped(), state)

    assert state_of(config) == state
    assert state_of(yaml.safe_load(yaml.safe_dump(config))) == state


@pytest.mark.parametrize("state", STATES)
def test_a_generated_config_is_a_template_like_the_shipped_one_for_its_colours(state: State) -> None:
    other = replace(state, epoch=99)

    assert state_of(generate(generate(shipped(), state), other)) == other


def test_each_colour_has_its_release_and_the_gateway_the_lease() -> None:
    config = generate(shipped(), CANARY)

    assert recognizers(config)["recognizer-blue"]["args"] == {"release": "yunet-dlib-1", "digest": "a" * 64}
    assert recognizers(config)["recognizer-green"]["args"] == {"release": "yunet-sface-1"}
    gateway = next(each for each in config["applications"] if each["name"] == "gateway")
    assert gateway["deployments"][0]["user_config"] == {
        "weights": {"recognizer-blue": 95, "recognizer-green": 5},
        "until": "2026-11-24T02:00:00.250000+00:00",
        "fallback": {"recognizer-blue": 100},
        "epoch": 7,
    }


def test_the_idle_colour_keeps_one_replica_and_gets_back_its_own_with_weight() -> None:
    idle = generate(shipped(), State("blue", BOTH, {"blue": 100}))
    asked = generate(shipped(), State("blue", BOTH, {"blue": 100}), replicas=3)
    canary = generate(shipped(), CANARY)

    least = [scaling(recognizers(config)["recognizer-green"])["min_replicas"] for config in (idle, asked, canary)]
    assert least == [1, 3, 2]
    assert scaling(recognizers(idle)["recognizer-blue"]) == scaling(recognizers(shipped())["recognizer-blue"])


def test_the_shipped_config_is_what_its_own_state_makes() -> None:
    assert generate(shipped(), state_of(shipped())) == shipped()


def test_the_template_is_not_changed() -> None:
    template = shipped()

    generate(template, CANARY)

    assert template == shipped()


def test_one_machine_bounds_the_most_replicas_by_its_cores_and_never_below_the_least() -> None:
    for cores, most in ((1, 2), (8, 8)):
        config = on_one_machine(shipped(), 8001, cores)
        assert scaling(recognizers(config)["recognizer-blue"])["max_replicas"] == most
        assert config["http_options"]["port"] == 8001


@pytest.mark.parametrize("broken", [{}, {"applications": [{}]}, {"applications": []}])
def test_a_config_without_colours_is_one_clear_error(broken: dict[str, Any]) -> None:
    with pytest.raises(StateError):
        state_of(broken)


def test_an_application_of_another_colour_is_named() -> None:
    config = shipped()
    config["applications"][0]["name"] = "recognizer-red"

    with pytest.raises(StateError, match="recognizer-red is no colour's application"):
        state_of(config)
