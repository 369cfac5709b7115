"""Weights for shares of the traffic, against the gateway's own choice."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.deployment.shares import PARTS, weight_for
from serve_apps.api.routing import choose

CAMERAS = st.dictionaries(
    st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True), st.integers(1, 1000), min_size=1, max_size=40
)


def names(colour: str) -> dict[str, str]:
    other = "green" if colour == "blue" else "blue"
    return {"canary": f"recognizer-{colour}", "live": f"recognizer-{other}"}


def share_of(colour: str, weight: int, cameras: dict[str, int]) -> float:
    other = "green" if colour == "blue" else "blue"
    weights = {f"recognizer-{colour}": weight, f"recognizer-{other}": PARTS - weight}
    chosen: Counter[str] = Counter()
    for camera, requests in cameras.items():
        chosen[choose(weights, camera)] += requests
    return 100 * chosen[f"recognizer-{colour}"] / sum(cameras.values())


@given(CAMERAS, st.sampled_from([1.0, 5.0, 25.0, 50.0]), st.sampled_from(["blue", "green"]))
def test_a_share_holds_at_least_what_was_asked_for(cameras: dict[str, int], percent: float, colour: str) -> None:
    weight = weight_for(percent, cameras, **names(colour))
    assert share_of(colour, weight, cameras) >= percent - 1e-6


@given(CAMERAS, st.sampled_from(["blue", "green"]))
def test_a_larger_share_moves_no_camera_back(cameras: dict[str, int], colour: str) -> None:
    weights = [weight_for(percent, cameras, **names(colour)) for percent in (1, 5, 25, 50, 100)]
    assert weights == sorted(weights)


def test_one_percent_of_eight_cameras_is_one_of_them() -> None:
    cameras = {f"camera-{number}": 100 for number in range(8)}
    assert share_of("green", weight_for(1, cameras, **names("green")), cameras) == pytest.approx(12.5)


def test_without_any_traffic_the_share_is_the_weight() -> None:
    assert weight_for(5, {}, **names("blue")) == 500
    assert weight_for(100, {"front": 3}, **names("blue")) == PARTS
