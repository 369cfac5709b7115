"""What is slow at a camera depends on what is usual there."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from cluster.deployment.judge import Seen, judge
from cluster.deployment.usual import Usual

LOOKS = 5 * 120


class House:
    """Cameras whose pictures take 1 to 4 times as long; at some a few have more faces, and take twice that."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._cameras = {
            f"camera-{n}": (self._chance.uniform(1, 4), self._chance.choice([0.0, 0.05])) for n in range(8)
        }
        self.names = list(self._cameras)

    def answers(self, cameras: Sequence[str], count: int, slower: float = 1.0) -> tuple[list[float], list[str]]:
        """Milliseconds, and the camera of each."""
        at = [self._chance.choice(cameras) for _ in range(count)]
        return [slower * self._one(camera) for camera in at], at

    def _one(self, camera: str) -> float:
        scale, busy = self._cameras[camera]
        return self._chance.lognormvariate(3.0, 0.15) * scale * (2 if self._chance.random() < busy else 1)


def slow(seed: int, slower: float, answers: int, past: int = 2000) -> bool:
    """Whether the release is called slow at the first camera, the live one being at the others."""
    house = House(seed)
    usual = Usual(*house.answers(house.names, past))
    live, live_at = house.answers(house.names[1:], 950)
    new, new_at = house.answers(house.names[:1], answers, slower)
    found = judge(Seen(0, live, usual.of(live_at)), Seen(0, new, usual.of(new_at)), LOOKS)
    return found[1].worse


@pytest.mark.parametrize("answers", [10, 50, 300])
def test_releases_alike_are_not_held_apart_by_their_cameras_pictures(answers: int) -> None:
    assert sum(slow(seed, 1.0, answers) for seed in range(50)) <= 1


def test_a_release_five_times_slower_is_found_after_twenty_answers() -> None:
    assert sum(slow(seed, 5.0, 20) for seed in range(50)) >= 45


def test_one_camera_with_larger_pictures_condemns_only_where_no_past_is_known() -> None:
    chance, called, without_past = random.Random(1), 0, 0
    for _ in range(100):
        small = [chance.lognormvariate(3.0, 0.15) for _ in range(1950)]
        large = [2.5 * chance.lognormvariate(3.0, 0.15) for _ in range(100)]
        usual = Usual(small[950:] + large[50:], ["small"] * 1000 + ["large"] * 50)
        live, new = Seen(0, small[:950], usual.of(["small"] * 950)), Seen(0, large[:50], usual.of(["large"] * 50))
        called += judge(live, new, 7200)[1].worse
        without_past += judge(Seen(0, live.milliseconds), Seen(0, new.milliseconds), 7200)[1].worse
    assert called == 0
    assert without_past > 90


def test_the_reason_names_what_is_usual() -> None:
    live, new = Seen(0, [20.0] * 100, [20.0] * 100), Seen(0, [50.0] * 9 + [250.0], [50.0] * 10)
    assert judge(live, new, 1)[1].said == (
        "1 of 10 answers took more than 2.0 times what is usual at their cameras, 0 of 100 of the live release "
        "(p99 250 and 20 ms)"
    )


def test_of_many_answers_the_newest_are_timed_and_all_are_tries() -> None:
    assert Seen(3, [20.0] * 5, answered=100).tries == 103
    assert Seen(3, [20.0] * 5).tries == 8
