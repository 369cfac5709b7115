from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.pictures.shots import MOST_SHOTS, Shot, Shots, around, kept

np = pytest.importorskip("numpy")

PIXELS = np.zeros((1, 1, 3), np.uint8)


def shots(*times: float) -> Shots:
    return tuple(Shot(PIXELS, at_s) for at_s in times)


def times(found: Shots) -> list[float]:
    return [shot.at_s for shot in found]


@given(st.lists(st.floats(0, 20), min_size=1, max_size=60), st.floats(0, 10))
@settings(max_examples=100)
def test_few_shots_are_kept_none_too_old_and_always_the_newest(at: list[float], keep_s: float) -> None:
    all_of_them = shots(*sorted(at))

    found: Shots = ()
    for shot in all_of_them:
        found = kept((*found, shot), keep_s)

    assert len(found) <= MOST_SHOTS
    assert found[-1] is all_of_them[-1]
    assert all(shot.at_s >= found[-1].at_s - keep_s for shot in found)


def test_shots_that_are_kept_are_spread_over_the_time() -> None:
    found: Shots = ()
    for number in range(100):
        found = kept((*found, *shots(number / 10)), 5.0)

    gaps = [later - sooner for sooner, later in zip(times(found), times(found)[1:], strict=False)]
    assert len(found) == MOST_SHOTS
    assert times(found)[0] <= 9.9 - 5.0 + 2.0
    assert max(gaps) <= 3.0


def test_the_shots_before_a_trigger_are_those_in_the_time_asked_for() -> None:
    assert times(around(shots(1.0, 1.9, 2.0, 2.1), 1.8, 2.0, complete=False)) == [1.9, 2.0]


def test_an_older_shot_is_never_shown_for_a_trigger() -> None:
    assert around(shots(1.0, 1.7), 1.8, 2.0, complete=False) == ()


def test_without_a_shot_in_that_time_those_behind_are_taken() -> None:
    assert times(around(shots(1.0, 2.4, 2.5), 1.8, 2.0, complete=False)) == [2.4, 2.5]


def test_a_burst_is_complete_when_the_camera_has_gone_beyond_its_end() -> None:
    assert around(shots(1.9, 2.1), 1.8, 2.5, complete=True) == ()
    assert times(around(shots(1.9, 2.1, 2.6), 1.8, 2.5, complete=True)) == [1.9, 2.1]
