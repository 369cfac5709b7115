from __future__ import annotations

import os

import pytest

from cluster.cli.gallery_embedding import _lines, about, doing, reason

ADA, GRACE = (
    {"person": name, "person_id": number, "reason": "damaged"} for name, number in (("Ada", "a1"), ("G", "b2"))
)


def test_progress_is_told_in_words() -> None:
    line = {"done": 120, "total": 4000, "rate": 21.0, "seconds_left": 184.7}

    assert doing("spring", {}) == "embedding the gallery for spring"
    assert doing("spring", line) == "embedding the gallery for spring: 120 of 4,000 faces, about 3 min left"
    assert doing("spring", line | {"seconds_left": None}).endswith("120 of 4,000 faces")
    assert "waits for its end" in doing("spring", {"waiting": "for another re-embedding"})


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (40, "40 s"), (100, "2 min"), (9000, "2.5 h")])
def test_a_time_is_told_as_people_tell_it(seconds: float, said: str) -> None:
    assert about(seconds) == said


def test_who_is_lost_is_kept_by_ids_and_without_those_who_have_other_photographs() -> None:
    said = reason("spring", {"without": ["Ada"], "failures": [GRACE, ADA]}, "")

    assert said.startswith("nothing is left to recognize a1 by (a1: damaged); ")
    assert "Ada" not in said
    assert "b2" not in said


def test_what_the_child_complained_of_last_is_the_reason() -> None:
    assert reason("spring", {}, "a warning\ndoorbell: the weights do not fit\n\n") == "the weights do not fit"
    assert reason("spring", {"remaining": 7}, "") == "it was stopped with 7 faces to go"


def test_lines_come_whole_and_an_empty_one_for_half_a_second_without() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as output, os.fdopen(theirs, "wb", buffering=0) as child:
        lines = _lines(output)
        child.write(b"one\ntw")
        assert [next(lines), next(lines)] == [b"one", b""]
        child.write(b"o\nthree\n")
        child.close()
        assert list(lines) == [b"two", b"three"]
