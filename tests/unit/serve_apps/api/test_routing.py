from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import serve_apps
from serve_apps.api.routing import ANSWER_SECONDS, LEASED_SECONDS, Attempt, Routing, choose, plans_of, weights_at

BLUE, GREEN = "recognizer-blue", "recognizer-green"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEIGHT = st.integers(0, 1_000_000)
CAMERAS = [f"camera-{n}" for n in range(2000)]


def share_of_green(weights: dict[str, int]) -> float:
    return sum(choose(weights, camera) == GREEN for camera in CAMERAS) / len(CAMERAS)


@given(st.text())
def test_a_camera_stays_with_its_recognizer(camera: str) -> None:
    assert choose({BLUE: 30, GREEN: 70}, camera) == choose({GREEN: 70, BLUE: 30}, camera)


@pytest.mark.parametrize("green", [0, 5, 50, 95, 100])
def test_cameras_are_shared_out_by_weight(green: int) -> None:
    assert abs(share_of_green({BLUE: 100 - green, GREEN: green}) - green / 100) < 0.03


@given(st.text(), WEIGHT, st.integers(1, 1_000_000), st.integers(1, 1_000_000), WEIGHT)
def test_more_weight_for_one_moves_cameras_only_towards_it(
    camera: str, green: int, more: int, blue: int, violet: int
) -> None:
    others = {BLUE: blue, "recognizer-violet": violet}
    before = choose(others | {GREEN: green}, camera)
    after = choose(others | {GREEN: min(green + more, 1_000_000)}, camera)

    assert after in (before, GREEN)


def test_three_recognizers_share_by_weights_of_any_sum() -> None:
    weights = {BLUE: 3, GREEN: 2, "recognizer-violet": 1}
    chosen = [choose(weights, camera) for camera in CAMERAS]

    assert all(abs(chosen.count(name) / len(CAMERAS) - weight / 6) < 0.03 for name, weight in weights.items())


@pytest.mark.parametrize("weights", [{}, {BLUE: 0}])
def test_without_any_weight_there_is_nobody_to_choose(weights: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="weight"):
        choose(weights, "front-door")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"weigths": {BLUE: 1}}, "'weigths' is no key.*nearest is 'weights'"),
        ({"weights": {BLUE: 1}, "untill": None}, "nearest is 'until'"),
        ({"weights": {"recogniser-blue": 1}}, "'recogniser-blue' is no recognizer.*nearest is 'recognizer-blue'"),
        ({"weights": {BLUE: 1}, "fallback": {"Recognizer-green": 1}}, "nearest is 'recognizer-green'"),
        ({"weights": {1: 1}}, "1 is no recognizer"),
        ({"weights": {BLUE: 0}}, "no recognizer has any weight in 'weights'"),
        ({"weights": {BLUE: 1}, "fallback": {}}, "no recognizer has any weight in 'fallback'"),
        ({"weights": {BLUE: 1}, "until": "2026-03-01T12:00:00Z"}, "needs a 'fallback'"),
        ({"weights": {BLUE: 1}, "fallback": {BLUE: 1}, "until": "2026-03-01T12:00:00"}, "timezone"),
        ({"weights": {BLUE: -1}}, "greater than or equal to 0"),
        ({"weights": {BLUE: 0.5}}, "valid integer"),
        ({}, "required"),
    ],
)
def test_a_wrong_config_is_refused_with_what_is_wrong(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        Routing.model_validate(config)

    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)  # Serve carries it to the controller


def test_the_shipped_config_is_a_routing() -> None:
    config = yaml.safe_load(Path(serve_apps.__file__).with_name("serve.yaml").read_text())
    (gateway,) = [application for application in config["applications"] if application["name"] == "gateway"]

    assert Routing.model_validate(gateway["deployments"][0]["user_config"]).weights == {BLUE: 100}


def a_canary(green: int, blue: int) -> Routing:
    return Routing(weights={BLUE: blue, GREEN: green}, fallback={BLUE: 100}, until=NOW)


def test_the_weights_of_a_canary_end_by_themselves() -> None:
    routing = a_canary(25, 75)

    assert weights_at(routing, NOW - timedelta(seconds=1)) == {BLUE: 75, GREEN: 25}
    assert weights_at(routing, NOW) == {BLUE: 100}
    assert plans_of(routing).at(NOW).weights == {BLUE: 100}
    assert weights_at(Routing(weights={BLUE: 1}), NOW) == {BLUE: 1}


def tries(*attempts: Attempt) -> list[tuple[str, float]]:
    return [(attempt.application, attempt.seconds) for attempt in attempts]


LONG, SHORT = ANSWER_SECONDS, LEASED_SECONDS


@pytest.mark.parametrize(
    ("routing", "first", "expected"),
    [
        (Routing(weights={BLUE: 100}), BLUE, [(BLUE, LONG)] * 3),
        (Routing(weights={BLUE: 90, GREEN: 0}), BLUE, [(BLUE, LONG)] * 3),
        (Routing(weights={BLUE: 50, GREEN: 50}), GREEN, [(GREEN, LONG), (BLUE, LONG), (GREEN, LONG)]),
        (Routing(weights={GREEN: 1}, fallback={BLUE: 1}), GREEN, [(GREEN, LONG), (BLUE, LONG), (GREEN, LONG)]),
        (a_canary(5, 95), GREEN, [(GREEN, SHORT), (BLUE, LONG), (BLUE, LONG)]),
        (a_canary(5, 95), BLUE, [(BLUE, LONG), (GREEN, LONG), (BLUE, LONG)]),
        (a_canary(100, 0), GREEN, [(GREEN, SHORT), (BLUE, LONG), (BLUE, LONG)]),
    ],
)
def test_tries_go_from_the_first_choice_to_another_colour(
    routing: Routing, first: str, expected: list[tuple[str, float]]
) -> None:
    assert tries(*plans_of(routing).present.attempts[first]) == expected


def test_a_photograph_goes_to_the_heaviest_and_to_no_canary_after_it() -> None:
    assert tries(*plans_of(a_canary(5, 95)).present.examining) == [(BLUE, LONG)] * 3
    assert tries(*plans_of(a_canary(95, 5)).present.examining)[0] == (GREEN, SHORT)


def test_a_gateway_is_ready_without_its_canary() -> None:
    assert plans_of(a_canary(5, 95)).present.needed == (BLUE,)
    assert plans_of(a_canary(100, 0)).present.needed == (BLUE,)
    assert plans_of(Routing(weights={BLUE: 50, GREEN: 50})).present.needed == (BLUE, GREEN)
