from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from serve_apps.faces import Embedding, Face, Image
from serve_apps.recognition.decode import Picture
from serve_apps.recognition.engine import YunetDlib
from serve_apps.recognition.probe import PHOTO, Probe, ProbeFailed


class Worn:
    """The real engine, until something in it is broken."""

    space = "dlib-resnet-v1"
    batches = False

    def __init__(self, engine: YunetDlib) -> None:
        self.engine = engine
        self.shift: Embedding = np.zeros(128, np.float32)
        self.least_score = 0.0

    def faces(self, image: Image) -> list[Face]:
        return self.faces_of_many([Picture.of(image)])[0]

    def faces_of_many(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        return [
            [
                replace(face, embedding=face.embedding + self.shift)
                for face in faces
                if face.detection_score >= self.least_score
            ]
            for faces in self.engine.faces_of_many(pictures)
        ]


@pytest.fixture
def worn(engine: YunetDlib) -> Worn:
    return Worn(engine)


def test_a_sound_engine_stays_sound(worn: Worn) -> None:
    probe = Probe(worn)

    probe.check()
    probe.check()


def test_another_embedding_than_at_the_start_is_told(worn: Worn) -> None:
    probe = Probe(worn)
    worn.shift[3] = 0.01

    with pytest.raises(ProbeFailed, match=r"embeds the probe photograph 0\.0100 from where it did at its start"):
        probe.check()


def test_an_embedding_that_is_no_number_is_told(worn: Worn) -> None:
    probe = Probe(worn)
    worn.shift[3] = np.nan

    with pytest.raises(ProbeFailed):
        probe.check()


def test_an_engine_that_finds_nobody_does_not_start_and_does_not_stay(worn: Worn) -> None:
    probe = Probe(worn)
    worn.least_score = 1.1

    with pytest.raises(ProbeFailed, match="finds 0 faces in the probe photograph, which shows one"):
        Probe(worn)
    with pytest.raises(ProbeFailed, match="finds 0 faces"):
        probe.check()


def test_the_probe_is_small() -> None:
    assert PHOTO.stat().st_size < 15_000
