from __future__ import annotations

import numpy as np
import pytest

from serve_apps.faces import Box, Examined, Face, Match
from serve_apps.gallery.enroll import PhotoRefused, Reason, judge

THRESHOLD = 0.58


def examined(*nearest: tuple[str, float], side: float = 120.0, blur: float = 80.0) -> Examined:
    face = Face(Box(10, 10, side, side * 1.3), 0.9, 0.8, blur, np.zeros(128, np.float32))
    return Examined(face, tuple(Match(person, distance, 0.5) for person, distance in nearest), b"crop")


def refusal(found: list[Examined], person_id: str | None = None) -> PhotoRefused:
    with pytest.raises(PhotoRefused) as caught:
        judge(found, person_id, THRESHOLD)
    return caught.value


def test_one_large_sharp_face_of_somebody_new_is_taken() -> None:
    face = examined(("somebody", 0.9))

    assert judge([face], None, THRESHOLD) is face


def test_a_further_photograph_of_the_same_person_is_taken() -> None:
    face = examined(("resident", 0.3), ("somebody", 0.8))

    assert judge([face], "resident", THRESHOLD) is face


def test_a_person_who_looks_different_today_is_still_taken() -> None:
    face = examined(("resident", 0.7))

    assert judge([face], "resident", THRESHOLD) is face


def test_a_photograph_without_a_face_is_refused() -> None:
    assert refusal([]).reason is Reason.NO_FACE


def test_a_photograph_with_two_faces_is_refused_and_says_how_many() -> None:
    error = refusal([examined(), examined()])

    assert error.reason is Reason.SEVERAL_FACES
    assert "2 faces" in error.detail


def test_a_small_face_is_refused_with_what_is_needed() -> None:
    error = refusal([examined(side=39.4)])

    assert error.reason is Reason.TOO_SMALL
    assert "39 pixels" in error.detail
    assert "40" in error.detail


def test_a_blurred_face_is_refused() -> None:
    assert refusal([examined(blur=14.9)]).reason is Reason.TOO_BLURRED


def test_a_face_exactly_at_the_limits_is_taken() -> None:
    assert judge([examined(side=40.0, blur=15.0)], None, THRESHOLD)


@pytest.mark.parametrize("person_id", [None, "resident"])
def test_a_face_that_is_enrolled_as_somebody_else_is_refused(person_id: str | None) -> None:
    error = refusal([examined(("somebody", 0.58))], person_id)

    assert error.reason is Reason.SOMEBODY_ELSE
    assert "0.58" in error.detail


def test_a_face_like_somebody_elses_is_taken_when_that_is_wished() -> None:
    twin = examined(("twin", 0.2))

    assert judge([twin], None, THRESHOLD, similar_allowed=True) is twin


def test_wishing_for_similar_faces_excuses_nothing_else() -> None:
    with pytest.raises(PhotoRefused) as caught:
        judge([examined(("twin", 0.2), blur=1.0)], None, THRESHOLD, similar_allowed=True)

    assert caught.value.reason is Reason.TOO_BLURRED
