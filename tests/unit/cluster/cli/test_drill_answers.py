from __future__ import annotations

import pytest

from cluster.cli.drill_answers import NO_PICTURE, Answer, unlike

ADA = Answer("known", {"ada": 0.31})


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (Answer("known", {"ada": 0.3101}), True),
        (Answer("known", {"ada": 0.35}), False),
        (Answer("known", {"bob": 0.31}), False),
        (Answer("blacklisted", {"ada": 0.31}), False),
        (NO_PICTURE, False),
    ],
)
def test_answers_are_alike_when_people_and_distances_are(other: Answer, alike: bool) -> None:
    assert ADA.like(other) is alike


def test_frames_answered_otherwise_are_named_but_for_people_that_the_source_has_changed() -> None:
    source = {"frame-1": ADA, "frame-2": ADA}
    restored = {"frame-1": ADA, "frame-2": Answer("unknown", {})}
    assert list(unlike(restored, source, [])) == ["frame-2: unknown with 0 people, the source says known"]
    assert list(unlike(restored, source, ["ada"])) == []
