from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_apps.api.routing import choose

BLUE, GREEN = "recognizer-blue", "recognizer-green"
CAMERAS = [f"camera-{n}" for n in range(2000)]


def share_of_green(weights: dict[str, int]) -> float:
    return sum(choose(weights, camera) == GREEN for camera in CAMERAS) / len(CAMERAS)


@given(st.text())
def test_a_camera_stays_with_its_recognizer(camera: str) -> None:
    assert choose({BLUE: 30, GREEN: 70}, camera) == choose({GREEN: 70, BLUE: 30}, camera)


@pytest.mark.parametrize("green", [0, 5, 50, 95, 100])
def test_cameras_are_shared_out_by_weight(green: int) -> None:
    assert abs(share_of_green({BLUE: 100 - green, GREEN: green}) - green / 100) < 0.03


def test_giving_green_more_takes_no_camera_back_from_it() -> None:
    before = {camera for camera in CAMERAS if choose({BLUE: 90, GREEN: 10}, camera) == GREEN}
    after = {camera for camera in CAMERAS if choose({BLUE: 50, GREEN: 50}, camera) == GREEN}

    assert before < after


@pytest.mark.parametrize("weights", [{}, {BLUE: 0}])
def test_without_any_weight_there_is_nobody_to_choose(weights: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="weight"):
        choose(weights, "front-door")
