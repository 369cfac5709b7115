from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serve_apps.faces import Box, Embedding, Face, Standing
from serve_apps.gallery.index import search_of
from serve_apps.gallery.person import Member
from serve_apps.recognition.match import Candidates, MatchRules, accepted, identify, nearest, sureness

RULES = MatchRules(threshold=0.5, margin=0.1)


def at(place: float) -> Embedding:
    """An embedding on one axis, so that distances are differences of places."""
    embedding = np.zeros(128, np.float32)
    embedding[0] = place
    return embedding


def a_face(place: float) -> Face:
    return Face(Box(0, 0, 100, 100), 0.9, 1.0, 100.0, at(place))


def gallery(*people: tuple[str, Standing, list[float]]) -> Candidates:
    return search_of(
        [
            Member(name, standing, np.array([at(place) for place in places], np.float32).reshape(-1, 128))
            for name, standing, places in people
        ]
    )


HOUSE = gallery(("resident", Standing.KNOWN, [0.0]), ("barred", Standing.BLACKLISTED, [2.0]))


def who(*places: float, candidates: Candidates = HOUSE) -> list[str | None]:
    return [identity.person_id for identity in identify([a_face(p) for p in places], candidates, RULES)]


def test_a_face_near_one_person_is_that_person_with_their_standing() -> None:
    (identity,) = identify([a_face(1.9)], HOUSE, RULES)

    assert (identity.person_id, identity.standing) == ("barred", Standing.BLACKLISTED)
    assert np.isclose(identity.distance, 0.1)
    assert np.isclose(identity.margin, 1.8)


def test_a_face_near_nobody_is_unknown_but_says_how_far_the_nearest_was() -> None:
    (identity,) = identify([a_face(0.7)], HOUSE, RULES)

    assert (identity.person_id, identity.standing) == (None, Standing.UNKNOWN)
    assert np.isclose(identity.distance, 0.7)


def test_a_face_near_two_persons_is_unknown_never_the_nearest() -> None:
    siblings = gallery(("elder", Standing.KNOWN, [0.0]), ("younger", Standing.KNOWN, [0.25]))

    assert who(0.1, candidates=siblings) == [None]
    assert who(0.0, candidates=siblings) == ["elder"]


def test_threshold_and_margin_themselves_still_count_as_met() -> None:
    pair = gallery(("left", Standing.KNOWN, [0.0]), ("right", Standing.KNOWN, [1.5]))

    assert who(0.5, candidates=pair) == ["left"]
    assert accepted(nearest(at(0.0), gallery(("a", Standing.KNOWN, [0.5])), 1)[0], MatchRules(0.5, 0.1))


def test_the_margin_is_to_the_nearest_other_person_not_to_a_second_photograph() -> None:
    often = gallery(("resident", Standing.KNOWN, [0.0, 0.01, 0.02]), ("other", Standing.KNOWN, [3.0]))

    assert who(0.0, candidates=often) == ["resident"]


def test_any_of_many_embeddings_may_be_the_near_one() -> None:
    often = gallery(("resident", Standing.KNOWN, [5.0, -5.0, 0.1]))

    assert who(0.0, candidates=often) == ["resident"]


def test_one_person_is_in_a_frame_once_and_the_nearest_face_wins() -> None:
    assert who(0.3, 0.1, 0.2) == [None, "resident", None]


def test_the_face_that_lost_its_person_is_not_passed_to_the_runner_up() -> None:
    pair = gallery(("left", Standing.KNOWN, [0.0]), ("right", Standing.KNOWN, [0.6]))

    assert who(0.0, 0.2, candidates=pair) == ["left", None]


def test_of_two_equally_near_faces_the_first_keeps_the_person() -> None:
    assert who(0.2, 0.2) == ["resident", None]
    assert who(-0.2, 0.2) == ["resident", None]


def test_two_persons_at_one_place_are_nobody() -> None:
    twice = gallery(("once", Standing.KNOWN, [0.0]), ("again", Standing.KNOWN, [0.0]))

    assert who(0.0, candidates=twice) == [None]


def test_nobody_is_recognized_in_an_empty_gallery() -> None:
    (identity,) = identify([a_face(0.0)], gallery(), RULES)

    assert (identity.standing, identity.distance, identity.margin) == (Standing.UNKNOWN, None, None)


def test_no_faces_give_no_identities() -> None:
    assert identify([], HOUSE, RULES) == []


def test_a_person_without_embeddings_is_never_near_and_takes_no_margin() -> None:
    candidates = gallery(("faceless", Standing.KNOWN, []), ("resident", Standing.KNOWN, [0.0]))

    (identity,) = identify([a_face(0.1)], candidates, RULES)

    assert identity.person_id == "resident"
    assert identity.margin is None
    assert [match.person_id for match in nearest(at(0.0), candidates, 5)] == ["resident"]


def test_the_nearest_come_in_order_each_with_the_margin_to_the_next() -> None:
    found = nearest(at(0.5), HOUSE, 2)

    assert [(m.person_id, round(m.distance, 3), round(m.margin, 3)) for m in found] == [
        ("resident", 0.5, 1.0),
        ("barred", 1.5, float("inf")),
    ]


@given(st.lists(st.floats(-3, 3, width=32), max_size=6), st.lists(st.floats(-3, 3, width=32), max_size=5))
def test_whatever_comes_nobody_is_there_twice_and_every_match_keeps_the_rules(
    faces: list[float], people: list[float]
) -> None:
    candidates = gallery(*((f"p{n}", Standing.KNOWN, [place]) for n, place in enumerate(people)))

    found = identify([a_face(place) for place in faces], candidates, RULES)

    matched = [identity for identity in found if identity.person_id is not None]
    assert len({identity.person_id for identity in matched}) == len(matched)
    assert all(identity.distance <= RULES.threshold for identity in matched)
    assert all(identity.margin is None or identity.margin >= RULES.margin for identity in matched)


def test_how_sure_an_answer_is_goes_by_what_it_has_left_before_it_would_be_another() -> None:
    siblings = gallery(("elder", Standing.KNOWN, [0.0]), ("younger", Standing.KNOWN, [0.27]))

    def sure(place: float, candidates: Candidates = HOUSE) -> str:
        (identity,) = identify([a_face(place)], candidates, RULES)
        return sureness(identity, RULES)

    assert [sure(place) for place in (0.1, 0.4, 0.48)] == ["high", "medium", "low"]
    assert [sure(place) for place in (0.51, 0.56, 0.7)] == ["low", "medium", "high"]
    assert sure(0.05, siblings) == "medium"
    assert sure(0.12, siblings) == "low"
    assert sure(0.0, gallery()) == "none"
