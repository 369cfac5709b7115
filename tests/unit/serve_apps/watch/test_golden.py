from __future__ import annotations

import numpy as np
import pytest

from serve_apps.faces import Box, Examination, Examined, Face, Standing, UndecodableImage, Verdict
from serve_apps.watch.golden import GoldenFrame, GoldenFrames, GoldenLooks
from serve_apps.watch.parts import fresh
from tests.noted import Noted

ADA, MR_X, NOBODY = b"ada", b"mr x", b"nobody"
WHERE = {ADA: 0.0, MR_X: 10.0, NOBODY: 20.0}
FRAMES = [
    GoldenFrame(ADA, Verdict.KNOWN, ("Ada",)),
    GoldenFrame(MR_X, Verdict.BLACKLISTED, ("Mr X",)),
    GoldenFrame(NOBODY, Verdict.UNKNOWN, ()),
    GoldenFrame(b"empty", Verdict.NO_FACE, ()),
]
PEOPLE = {"Ada": (Standing.KNOWN, (ADA,)), "Mr X": (Standing.BLACKLISTED, (MR_X,))}
GOLDEN = GoldenFrames("samples-1", PEOPLE, FRAMES)


class Asked:
    """A recognizer of which a few photographs are known; `sees` moves what it embeds."""

    def __init__(self) -> None:
        self.sees = dict(WHERE)
        self.photos: list[bytes] = []

    def __call__(self, application: str, photo: bytes) -> Examination:
        self.photos.append(photo)
        faces = []
        if photo in self.sees:
            embedding = np.full(128, self.sees[photo], np.float32)
            faces.append(Examined(Face(Box(0, 0, 9, 9), 0.9, 0.9, 0.9, embedding), (), b""))
        return Examination(tuple(faces), "release-1", "space", 0.58, 0.04)


def looks(asked: Asked, noted: Noted) -> GoldenLooks:
    return GoldenLooks(lambda: GOLDEN, lambda: {"recognizer-blue": "release-1"}, asked, noted, lambda _: None)


def test_a_sound_release_is_right_and_its_people_are_embedded_once() -> None:
    asked, noted = Asked(), Noted()
    looking = looks(asked, noted)

    looking.look()
    looking.look()

    assert noted.gauges == {("face_recognition_accuracy", "release-1"): 1.0}
    assert len(asked.photos) == 2 + 2 * len(FRAMES)


def test_a_release_that_no_longer_knows_somebody_is_less_accurate() -> None:
    asked, noted = Asked(), Noted()
    looking = looks(asked, noted)
    looking.look()
    asked.sees[ADA] = 5.0
    looking.look()

    assert noted.gauges["face_recognition_accuracy", "release-1"] == 0.75


def test_a_release_that_runs_no_more_has_no_accuracy() -> None:
    noted, running = Noted(), {"recognizer-blue": "release-1"}
    asked = Asked()
    look = fresh(noted, lambda gauges: GoldenLooks(lambda: GOLDEN, lambda: running, asked, gauges, lambda _: None).look)
    look()
    running["recognizer-blue"] = "release-2"
    look()

    assert noted.gauges == {("face_recognition_accuracy", "release-2"): 1.0}


def test_a_recognizer_that_does_not_answer_says_nothing_about_accuracy() -> None:
    noted = Noted()

    def fails(*_: object) -> Examination:
        raise UndecodableImage("damaged")

    with pytest.raises(UndecodableImage):
        GoldenLooks(lambda: GOLDEN, lambda: {"recognizer-blue": "r"}, fails, noted, lambda _: None).look()
    assert not noted.gauges


def test_an_application_that_does_not_answer_hides_no_other() -> None:
    noted, asked = Noted(), Asked()

    def only_green(application: str, photo: bytes) -> Examination:
        if application == "recognizer-blue":
            raise UndecodableImage("damaged")
        return asked(application, photo)

    running = {"recognizer-blue": "release-1", "recognizer-green": "release-2"}
    with pytest.raises(UndecodableImage):
        GoldenLooks(lambda: GOLDEN, lambda: running, only_green, noted, lambda _: None).look()
    assert noted.gauges == {("face_recognition_accuracy", "release-2"): 1.0}
