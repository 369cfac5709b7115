from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from edge.pictures.condition import Condition, condition_after, sample_of

np = pytest.importorskip("numpy")

chance = np.random.default_rng(5)


def scene(level: float, noise: float) -> np.ndarray:
    edges = np.linspace(0, level, 640)[None, :, None]
    return np.clip(edges + chance.normal(0, noise, (480, 640, 3)), 0, 255).astype(np.uint8)


def seen(pictures: Iterable[np.ndarray], frozen_after_s: float | None = 10.0) -> list[str]:
    """What is said after each picture, one a second."""
    condition: Condition | None = None
    said = []
    for second, picture in enumerate(pictures):
        condition = condition_after(condition, sample_of(picture), float(second), frozen_after_s)
        said.append(condition.sight)
    return said


@pytest.mark.parametrize("noise", [0.5, 2.0, 8.0])
def test_a_camera_with_the_noise_of_any_sensor_is_well_before_a_wall_that_never_changes(noise: float) -> None:
    assert set(seen(scene(180, noise) for _ in range(40))) == {"well"}


@pytest.mark.parametrize("noise", [0.0, 1.5, 3.0])
def test_a_covered_lens_is_black_after_two_seconds_with_noise_or_without(noise: float) -> None:
    assert seen(scene(3, noise) for _ in range(30)) == ["well"] * 2 + ["black"] * 28


def test_a_street_at_night_with_one_lamp_is_not_black() -> None:
    night = scene(4, 1.0)
    night[100:140, 300:340] = 220

    assert set(seen(np.maximum(night, scene(4, 1.0)) for _ in range(10))) == {"well"}


def test_the_same_picture_again_and_again_is_frozen() -> None:
    picture = scene(180, 2.0)

    assert seen([picture] * 13) == ["well"] * 10 + ["frozen"] * 3


def test_a_picture_encoded_anew_that_differs_by_next_to_nothing_is_frozen_too() -> None:
    picture = scene(180, 2.0)

    def again() -> np.ndarray:
        other = picture.copy()
        other[chance.integers(0, 480, 3000), chance.integers(0, 640, 3000)] ^= 1
        return other

    assert seen(again() for _ in range(12))[-1] == "frozen"


def test_a_slow_change_is_not_frozen_though_neighbours_are_equal() -> None:
    base = scene(120, 0.0)

    assert set(seen(base + np.uint8(second // 4) for second in range(40))) == {"well"}


def test_a_source_that_may_stand_still_is_never_frozen() -> None:
    assert set(seen([scene(180, 2.0)] * 100, frozen_after_s=None)) == {"well"}


def test_a_new_size_is_a_new_picture() -> None:
    picture = scene(180, 2.0)

    assert seen([picture] * 11 + [picture[:240]] * 2) == ["well"] * 10 + ["frozen"] + ["well"] * 2


@pytest.mark.parametrize("trouble", [lambda: scene(0, 0.0), lambda: FROZEN])
def test_a_live_picture_ends_the_trouble_at_once(trouble: Callable[[], np.ndarray]) -> None:
    said = seen([trouble() for _ in range(15)] + [scene(180, 2.0)])

    assert said[-2] != "well"
    assert said[-1] == "well"


FROZEN = scene(150, 2.0)
