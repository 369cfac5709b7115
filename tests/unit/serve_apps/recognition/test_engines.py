from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from samples.frames import FRAMES, PEOPLE, PHOTOS, SampleFrame
from serve_apps.faces import Standing, verdict_of
from serve_apps.gallery.index import search_of
from serve_apps.gallery.person import Member
from serve_apps.recognition.decode import decode
from serve_apps.recognition.engine import Engine, YunetDlib
from serve_apps.recognition.match import Candidates, MatchRules
from serve_apps.recognition.recognizer import Recognizer
from serve_apps.recognition.reference import FaceRecognition


class Household:
    """The sample people as one engine sees them."""

    def __init__(self, engine: Engine) -> None:
        faces = {person: [engine.faces(decode(path.read_bytes()))[0] for path in person.paths] for person in PEOPLE}
        self._candidates = search_of(
            [
                Member(person.name, Standing(person.standing), np.stack([face.embedding for face in found]))
                for person, found in faces.items()
            ]
        )

    version = 0

    def at_least(self, version: int) -> Candidates:
        return self._candidates


@pytest.fixture(scope="module")
def reference() -> FaceRecognition:
    return FaceRecognition()


@pytest.fixture(scope="module", params=["yunet_dlib", "face_recognition"])
def recognizer(request: pytest.FixtureRequest, engine: YunetDlib, reference: FaceRecognition) -> Recognizer:
    chosen: Engine = engine if request.param == "yunet_dlib" else reference
    return Recognizer(chosen, Household(chosen), MatchRules(), "release")


@pytest.mark.parametrize("photo", sorted(PHOTOS.glob("*.jpg")), ids=lambda path: path.stem)
def test_the_graph_embeds_a_chip_as_dlib_does(engine: YunetDlib, reference: FaceRecognition, photo: Path) -> None:
    image = decode(photo.read_bytes())
    chips = [engine.align(image, face) for face in engine.detect(image)]
    assert chips

    ours, theirs = engine.embed(chips), reference.embed(chips)

    assert np.abs(np.stack(ours) - np.stack(theirs)).max() <= 1e-5


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame.name)
def test_either_engine_sees_in_a_sample_frame_who_is_there(
    recognizer: Recognizer, frame: SampleFrame, tmp_path: Path
) -> None:
    image = frame.write(tmp_path, 1).read_bytes()

    found = recognizer.recognize(image, 0)

    assert verdict_of([identity.standing for identity in found.identities]) == frame.verdict
    assert sorted(i.person_id for i in found.identities if i.person_id) == sorted(frame.who)


def test_the_best_detection_comes_first_and_boxes_lie_around_the_faces(engine: YunetDlib) -> None:
    pair = next(frame for frame in FRAMES if frame.name == "two-known").compose()
    buffer = io.BytesIO()
    pair.save(buffer, "PNG")

    faces = engine.faces(decode(buffer.getvalue()))

    scores = [face.detection_score for face in faces]
    assert scores == sorted(scores, reverse=True)
    assert {face.box.x + face.box.width / 2 > pair.width / 2 for face in faces} == {True, False}


def test_detection_in_a_larger_picture_gives_that_pictures_pixels(engine: YunetDlib) -> None:
    frame = FRAMES[0].compose()
    boxes = []
    for scale in (1, 3):
        buffer = io.BytesIO()
        frame.resize((frame.width * scale, frame.height * scale)).save(buffer, "PNG")
        boxes.append(engine.faces(decode(buffer.getvalue()))[0].box)

    assert boxes[1].width / boxes[0].width == pytest.approx(3, rel=0.1)
    assert boxes[1].x / boxes[0].x == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 3000, 3), (31, 33, 3)])
def test_pictures_of_odd_sizes_have_no_faces_and_no_errors(engine: YunetDlib, shape: tuple[int, int, int]) -> None:
    assert engine.faces(np.zeros(shape, np.uint8)) == []


def test_a_crop_holds_the_face_with_its_surroundings(recognizer: Recognizer) -> None:
    (examined,) = recognizer.examine((PHOTOS / "resident-1.jpg").read_bytes(), 0, 2).faces

    height, width = decode(examined.crop).shape[:2]
    assert max(height, width) <= 512
    assert examined.nearest[0].person_id == "Resident"
    assert examined.nearest[0].distance == pytest.approx(0, abs=1e-6)
