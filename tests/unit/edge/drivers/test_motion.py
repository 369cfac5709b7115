from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs

pytest.importorskip("cv2")
from edge.drivers.motion import MotionTrigger
from edge.drivers.motion_detector import MotionDetector, watched_pixels
from edge.errors import CameraFailed, TriggerUnusable
from edge.settings.triggers import ZoneSettings

Pixels = NDArray[np.uint8]
RNG = np.random.default_rng(7)
DOOR = np.kron(RNG.integers(40, 200, (9, 16)), np.ones((20, 20)))[..., None] * np.array([0.9, 1.0, 0.8])
NOISE = [RNG.standard_normal(DOOR.shape) for _ in range(5)]
RIGHT_HALF = ZoneSettings(points=((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))


def seen(number: int, person_x: int | None = None, *, noise: float = 3.0, light: float = 1.0) -> Pixels:
    """The door at 320x180, with somebody 30 pixels wide in front of it where `person_x` says."""
    scene = DOOR.copy()
    if person_x is not None:
        scene[60:, max(0, person_x) : max(0, person_x + 30)] = (30, 200, 90)
    return np.clip(scene * light + NOISE[number % 5] * noise, 0, 255).astype(np.uint8)


def a_detector(*zones: ZoneSettings, learnt: bool = True) -> MotionDetector:
    detector = MotionDetector(0.01, 5.0, zones)
    for number in range(20 if learnt else 0):
        assert not detector.look(seen(number))
    return detector


def fired(detector: MotionDetector, pictures: Iterator[Pixels]) -> list[int]:
    """Which of the looks, from 0, found motion."""
    return [number for number, pixels in enumerate(pictures) if detector.look(pixels)]


def test_a_person_who_walks_through_is_seen_at_the_second_look() -> None:
    assert fired(a_detector(), (seen(x, x) for x in range(0, 320, 20)))[0] == 1


@pytest.mark.parametrize("noise", [3.0, 12.0, 25.0])
def test_the_noise_of_the_sensor_is_no_motion(noise: float) -> None:
    assert fired(MotionDetector(0.01, 5.0), (seen(number, noise=noise) for number in range(60))) == []


def test_the_start_is_no_motion_whoever_walks_about() -> None:
    assert fired(a_detector(learnt=False), (seen(x, x) for x in range(0, 280, 20))) == []


def test_a_lamp_is_no_motion_and_a_person_afterwards_is() -> None:
    detector = a_detector()

    assert fired(detector, (seen(number, light=0.35) for number in range(15))) == []
    assert fired(detector, (seen(x, x, light=0.35) for x in range(0, 320, 20))) != []


def test_a_cloud_is_no_motion() -> None:
    assert fired(a_detector(), (seen(number, light=1.0 - number / 100) for number in range(50))) == []


def test_another_scene_in_one_moment_is_learnt_anew_and_not_fired_at() -> None:
    detector = a_detector()
    mirrored = (np.ascontiguousarray(255 - seen(number)[::-1, ::-1]) for number in range(20))

    assert fired(detector, mirrored) == []


def test_one_single_strange_picture_is_no_motion() -> None:
    detector = a_detector()

    assert fired(detector, iter([seen(0, 100), seen(1), seen(2), seen(3, 200), seen(4)])) == []


def test_what_moves_in_an_ignored_zone_or_outside_of_the_watched_one_is_no_motion() -> None:
    left = [seen(x, x) for x in range(0, 130, 15)]
    ignored = RIGHT_HALF.model_copy(update={"ignore": True})

    assert fired(a_detector(RIGHT_HALF), iter(left)) == []
    assert fired(a_detector(ignored), iter(left)) != []
    assert fired(a_detector(ignored), (seen(x, x) for x in range(165, 290, 15))) == []


def test_the_share_counts_the_watched_pixels_only() -> None:
    whole, half = a_detector(), a_detector(RIGHT_HALF)
    for detector in (whole, half):
        detector.look(seen(0, 200))

    assert half.changed == pytest.approx(2 * whole.changed, rel=0.05)
    assert whole.changed == pytest.approx(30 * 120 / (320 * 180), rel=0.2)


def test_pictures_of_another_size_are_learnt_anew() -> None:
    detector = a_detector()

    assert fired(detector, (np.repeat(np.repeat(seen(n), 3, 0), 3, 1)[:, :720] for n in range(20))) == []


def test_an_ignored_zone_wins_over_a_watched_one_and_polygons_may_have_any_shape() -> None:
    triangle = ZoneSettings(points=((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)), ignore=True)
    watched = watched_pixels(100, 100, [triangle, RIGHT_HALF])

    assert not watched[10, 60]
    assert watched[90, 60]
    assert not watched[90, 40]


def test_zones_that_leave_nothing_to_watch_are_one_clear_error() -> None:
    everything = ZoneSettings(points=((0, 0), (1, 0), (1, 1), (0, 1)), ignore=True)

    with pytest.raises(TriggerUnusable, match="leave nothing of the picture to watch"):
        MotionDetector(0.01, 5.0, [everything])


@dataclass
class Shot:
    pixels: Pixels
    at_s: float


class Window:
    """A camera whose clock goes on by a fifth of a second with each look; None and errors are its failures."""

    def __init__(self, pictures: list[Pixels | CameraFailed | float | None]) -> None:
        self.now = 100.0
        self._pictures = iter(pictures)
        self.stop = Event()

    def newest(self, after_s: float, timeout_s: float) -> Shot | None:
        assert after_s <= self.now
        self.now += 0.2
        picture = next(self._pictures, None)
        if picture is None:
            self.stop.set()
            return None
        if isinstance(picture, float):
            self.now += picture
            return None
        if isinstance(picture, CameraFailed):
            raise picture
        return Shot(picture, self.now)

    def fired(self) -> list[float]:
        trigger = MotionTrigger("front", self, MotionDetector(0.01, 5.0), 5.0, clock=lambda: self.now)
        fired = list(islice(trigger.firings(self.stop), 50))
        assert {(each.kind, each.cameras) for each in fired} <= {("motion", ("front",))}
        return [round(each.at_s, 3) for each in fired]


def test_a_firing_is_dated_by_the_picture_that_shows_it() -> None:
    walk = [seen(x, x) for x in range(0, 60, 20)]

    assert Window([*map(seen, range(20)), *walk]).fired() == [104.4]


def test_a_camera_that_fails_fires_nothing_and_goes_on_when_it_is_back() -> None:
    gone: list[Pixels | CameraFailed | float | None] = [CameraFailed("unplugged", "plug it in"), 1.0]
    walk = [seen(x, x) for x in range(0, 60, 20)]

    assert len(Window([*map(seen, range(20)), *gone, *walk]).fired()) == 1


def _with_a_van(pixels: Pixels) -> Pixels:
    pixels = pixels.copy()
    pixels[:, : pixels.shape[1] // 3] = (20, 20, 20)
    return pixels


def test_a_camera_that_is_back_after_long_shows_another_scene() -> None:
    # A third of the picture is another one: more than motion needs, less than a change of the light.
    elsewhere = [_with_a_van(seen(number)) for number in range(10)]

    with capture_logs() as logs:
        assert Window([*map(seen, range(20)), 30.0, *elsewhere]).fired() == []
    assert [entry["event"] for entry in logs] == ["motion.relearning"]
