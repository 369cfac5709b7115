"""Which changes at the doors are held against a release."""

from __future__ import annotations

import itertools
import random

import pytest

from cluster.deployment.drift import Compared, drifted, look_times
from cluster.deployment.judge import Finding
from cluster.deployment.visits import Bin

LIVE, NEW = "live-1", "new-1"
CAMERAS = 8
LOOKS = 20
SEEDS = range(10)


def seen(
    chance: random.Random,
    release: str,
    camera: int,
    visits: int,
    strangers: float,
    forgotten: float = 0.0,
    shift: float = 0.0,
) -> list[Bin]:
    """Visits of up to 40 s: by a stranger, or by somebody whom the release may have forgotten."""
    found = []
    for visit in range(visits):
        unknown = chance.random() < strangers or chance.random() < forgotten
        for part in range(chance.randint(1, 4)):
            faces = chance.randint(1, 10)
            missed = faces if unknown else sum(chance.random() < 0.05 for _ in range(faces))
            distance = None if missed == faces else min(1.0, chance.gauss(0.6 + shift, 0.05))
            found.append(Bin(release, f"camera-{camera}", 600 * visit + 10 * part, faces, missed, distance))
    return found


def household(seed: int, day: float = 0.0, alone: bool = False, forgotten: float = 0.0, shift: float = 0.0) -> Compared:
    """Eight cameras, four of them the canary's, each with its own share of strangers; `day` brings more to each."""
    chance = random.Random(seed)
    past, since = [], []
    for camera in range(CAMERAS):
        strangers = chance.betavariate(1.5, 4)
        past += seen(chance, LIVE, camera, 50, strangers)
        strangers += (1 - strangers) * day
        if alone or camera < 4:
            since += seen(chance, NEW, camera, 30, strangers, forgotten, shift)
        else:
            since += seen(chance, LIVE, camera, 30, strangers)
    return Compared(LIVE, NEW, past, since, {LIVE: 1.0, NEW: 1.0}, alone)


def worse(compared: Compared) -> tuple[bool, bool]:
    unknown, distances = drifted(compared, LOOKS)
    return unknown.worse, distances.worse


@pytest.mark.parametrize("day", [0.0, 0.5, 0.9])
def test_releases_alike_are_not_held_apart_by_their_cameras_nor_by_a_day_of_strangers(day: float) -> None:
    assert [worse(household(seed, day)) for seed in SEEDS] == [(False, False)] * len(SEEDS)


def test_friends_at_the_live_releases_doors_only_do_not_condemn_the_other() -> None:
    for seed in SEEDS:
        found = household(seed)
        friends = [Bin(LIVE, f"camera-{camera}", 600 * n, 5, 0, 0.3) for camera in range(4, CAMERAS) for n in range(30)]
        since = [each for each in found.since if each.release == NEW] + friends
        assert worse(Compared(LIVE, NEW, found.past, since, found.thresholds)) == (False, False)


@pytest.mark.parametrize("alone", [False, True])
def test_a_release_that_no_longer_knows_half_of_the_people_is_worse(alone: bool) -> None:
    assert sum(worse(household(seed, alone=alone, forgotten=0.5))[0] for seed in SEEDS) >= len(SEEDS) - 2


def test_on_a_day_of_strangers_too() -> None:
    assert sum(worse(household(seed, day=0.2, forgotten=0.9))[0] for seed in SEEDS) >= len(SEEDS) - 2


def test_matches_that_come_near_the_threshold_are_worse() -> None:
    found = [worse(household(seed, shift=0.25)) for seed in SEEDS]
    assert found == [(False, True)] * len(SEEDS)


def test_another_space_may_lie_a_little_nearer_to_its_threshold() -> None:
    assert [worse(household(seed, shift=0.08)) for seed in SEEDS] == [(False, False)] * len(SEEDS)


def test_distances_are_compared_as_shares_of_each_releases_threshold() -> None:
    found = household(1)
    doubled = [Bin(b.release, b.camera_id, b.at, b.faces, b.unknown_faces, b.distance and b.distance * 1.8)
               if b.release == NEW else b for b in found.since]  # fmt: skip
    assert worse(Compared(LIVE, NEW, found.past, doubled, {LIVE: 1.0, NEW: 1.8})) == worse(found) == (False, False)
    assert worse(Compared(LIVE, NEW, found.past, doubled, {LIVE: 1.0, NEW: 1.0}))[1]


def test_nothing_is_said_of_few_visits() -> None:
    bins = [Bin(LIVE, "camera-0", 600 * n, 3, 0, 0.3) for n in range(100)]
    since = [Bin(NEW, "camera-0", 600 * n, 3, 3, None) for n in range(9)]
    unknown, distances = drifted(Compared(LIVE, NEW, bins, since, {LIVE: 1.0, NEW: 1.0}, alone=True), 1)
    few = "unknown faces not judged: 9 of 10 visits at its cameras, before or since"
    assert unknown == Finding(False, 1.0, few)
    assert not distances.worse
    assert [finding.worse for finding in drifted(Compared(LIVE, NEW, [], [], {}), 1)] == [False, False]


def test_a_camera_without_a_past_says_nothing() -> None:
    found = household(2)
    newcomers = [Bin(NEW, "new-camera", 600 * n, 5, 5, None) for n in range(100)]
    assert worse(Compared(LIVE, NEW, found.past, [*found.since, *newcomers], found.thresholds)) == (False, False)


def test_events_before_a_gateway_took_the_new_weights_are_left_out() -> None:
    found = household(3, forgotten=0.5)
    late = [Bin(LIVE, f"camera-{camera}", 0, 1, 1, None) for camera in range(4)]
    assert drifted(Compared(LIVE, NEW, found.past, [*found.since, *late], found.thresholds), 1) == drifted(found, 1)


def test_the_reason_has_the_numbers() -> None:
    past = [Bin(LIVE, f"camera-{n % 2}", 600 * n, 4, n // 2 % 2, 0.5) for n in range(80)]
    since = [Bin(NEW, "camera-0", 600 * n, 4, 4 if n % 2 else 0, None if n % 2 else 0.6) for n in range(40)]
    since += [Bin(LIVE, "camera-1", 600 * n, 4, 1, 0.5) for n in range(40)]
    assert [finding.said for finding in drifted(Compared(LIVE, NEW, past, since, {LIVE: 1.0, NEW: 1.2}), 1)] == [
        "50 % of the faces at its cameras were unknown, 12 % before it came (40 and 40 visits); "
        "at the live release's 25 %, 12 % before",
        "its matches lay at 50 % of the threshold, 50 % before it came (20 and 40 visits); "
        "at the live release's 50 %, 50 % before",
    ]
    alone = drifted(Compared(LIVE, NEW, past, since, {LIVE: 1.0, NEW: 1.2}, alone=True), 1)
    assert alone[0].said.endswith("(40 and 40 visits of all cameras, beside their own past only)")


def test_looks_come_at_growing_times_and_at_the_end() -> None:
    times = look_times(3600)
    assert (times[0], times[-1], len(times)) == (10.0, 3600, 28)
    assert all(1 < after / before <= 1.25 for before, after in itertools.pairwise(times))
    assert look_times(0) == [0]
