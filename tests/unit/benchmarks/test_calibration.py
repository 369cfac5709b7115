"""The proposal for a gallery, and that its reckoning is the application's own rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks import calibration
from benchmarks.calibration import CannotCalibrate, Expected, expected, probes, propose
from serve_apps.faces import Standing
from serve_apps.gallery.index import search_of
from serve_apps.gallery.person import Member
from serve_apps.recognition.match import Candidates, MatchRules, accepted, nearest

PRESENT = MatchRules()
Gallery = list[NDArray[np.float32]]


def line(*persons: list[float]) -> Gallery:
    """Persons whose embeddings are points on a line."""
    return [np.array(places, np.float32)[:, None] for places in persons]


def chosen_for(gallery: Gallery, target: float = 0.001) -> Expected:
    chosen = propose(probes(gallery), target, PRESENT).chosen
    assert chosen is not None
    return chosen.expected


def embeddings(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Of one person: in four of the 128 dimensions, so that a few persons are near each other."""
    rows = np.zeros((count, 128), np.float32)
    rows[:, :4] = random.normal(0, 0.3, 4) + random.normal(0, 0.15, (count, 4))
    return rows


def candidates_without(gallery: Gallery, person: int, photo: int | None) -> Candidates:
    """The gallery without one photograph of a person, or without the person."""
    kept = {
        index: [row for place, row in enumerate(rows) if index != person or (photo is not None and place != photo)]
        for index, rows in enumerate(gallery)
    }
    return search_of([Member(str(index), Standing.KNOWN, np.stack(rows)) for index, rows in kept.items() if rows])


def by_the_application(gallery: Gallery, rules: MatchRules) -> tuple[int, int, int]:
    """False accepts, false rejects and members taken for another, one face at a time."""
    false_accepts = false_rejects = mistaken = 0
    for person, rows in enumerate(gallery):
        for photo, row in enumerate(rows):
            stranger = nearest(row, candidates_without(gallery, person, None), 1)[0]
            false_accepts += accepted(stranger, rules)
            if len(rows) > 1:
                member = nearest(row, candidates_without(gallery, person, photo), 1)[0]
                right = accepted(member, rules) and member.person_id == str(person)
                false_rejects += not right
                mistaken += accepted(member, rules) and not right
    return false_accepts, false_rejects, mistaken


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.5, 0.7, 0.9]), st.sampled_from([0.0, 0.03, 0.11]))
def test_the_rates_are_those_of_the_applications_own_rule(seed: int, threshold: float, margin: float) -> None:
    random = np.random.default_rng(seed)
    sizes = [2, *random.integers(1, 4, random.integers(1, 6))]
    gallery = [embeddings(random, size) for size in sizes]
    rules = MatchRules(threshold, margin)
    found = expected(probes(gallery), rules)

    counted = found.false_accept.errors, found.false_reject.errors, found.misidentified.errors
    assert counted == by_the_application(gallery, rules)


def test_the_distances_are_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    gallery = [random.normal(size=(size, 8)).astype(np.float32) for size in (3, 1, 4, 2)]
    whole = probes(gallery)
    monkeypatch.setattr(calibration, "BLOCK", 30)  # three rows of ten
    blocks = probes(gallery)

    for name in ("own", "other", "second", "owners", "others"):
        np.testing.assert_allclose(getattr(blocks, name), getattr(whole, name))


def test_the_distances_by_hand() -> None:
    found = probes(line([0, 1], [5], [9]))

    assert found.own.tolist() == [1, 1, np.inf, np.inf]
    assert found.other.tolist() == [5, 4, 4, 4]
    assert found.second.tolist() == [9, 8, 4, 8]
    assert found.others.tolist() == [1, 1, 0, 1]


def test_the_shipped_threshold_stays_where_it_lies_well_inside_the_gap() -> None:
    found = chosen_for(line([0.0, 0.4], [1.2, 1.6]))

    assert (found.rules.threshold, found.rules.margin) == (0.58, 0.04)
    assert (found.false_accept.errors, found.false_reject.errors) == (0, 0)


def test_persons_who_look_alike_lower_the_threshold() -> None:
    found = chosen_for(line([0.0, 0.2], [0.6, 0.8]))  # gap 0.2 to 0.4

    assert found.rules.threshold == pytest.approx(0.35)
    assert (found.false_accept.errors, found.false_reject.errors) == (0, 0)


def test_a_few_persons_do_not_raise_the_threshold_and_that_is_said() -> None:
    proposal = propose(probes(line([0.0, 0.8], [2.0, 2.1])), 0.001, PRESENT)

    assert proposal.chosen is not None
    assert proposal.chosen.expected.rules.threshold == 0.58
    assert proposal.chosen.held_back
    assert proposal.chosen.expected.false_reject.errors == 2


def test_many_persons_may_raise_the_threshold() -> None:
    persons = [[3.0 * index, 3.0 * index + 0.8] for index in range(200)]
    proposal = propose(probes(line(*persons)), 0.05, PRESENT)

    assert proposal.chosen is not None
    assert not proposal.chosen.held_back
    assert proposal.chosen.expected.rules.threshold > 0.8
    assert proposal.chosen.expected.false_reject.errors == 0


def test_a_looser_target_rejects_no_more_members() -> None:
    random = np.random.default_rng(3)
    gallery = [(random.normal(0, 0.08, 64) + random.normal(0, 0.03, (3, 64))).astype(np.float32) for _ in range(40)]
    found = probes(gallery)
    for strict, loose in ((0.0, 0.01), (0.01, 0.1)):
        one, other = propose(found, strict, PRESENT).chosen, propose(found, loose, PRESENT).chosen
        assert one is not None
        assert other is not None
        assert one.expected.false_accept.rate <= strict
        assert other.expected.false_accept.rate <= loose
        assert other.expected.false_reject.errors <= one.expected.false_reject.errors


def test_somebody_enrolled_twice_leaves_no_rules_that_keep_the_target() -> None:
    assert propose(probes(line([0.0, 0.1], [0.0, 0.1])), 0.001, PRESENT).chosen is None


def test_the_present_rules_are_judged_beside() -> None:
    present = propose(probes(line([0.0, 0.2], [0.6, 0.8])), 0.001, MatchRules(0.5, 0.0)).present

    assert (present.false_accept.errors, present.false_accept.trials) == (2, 4)


def test_the_interval_takes_persons_and_not_photographs_as_independent() -> None:
    few = expected(probes(line([0.0] * 50, [9.0] * 50)), PRESENT).false_accept

    assert (few.trials, few.persons) == (100, 2)
    assert few.interval[1] > 0.6


@pytest.mark.parametrize(
    ("gallery", "said"),
    [
        (line(), "the gallery is empty"),
        (line([0.0, 0.1]), "the gallery has one person; enrol a second one"),
        (line([0.0], [1.0], [2.0]), "none of the 3 persons has two photographs"),
    ],
)
def test_a_gallery_with_too_little_in_it_is_one_clear_line(gallery: Gallery, said: str) -> None:
    with pytest.raises(CannotCalibrate, match=said):
        probes(gallery)
