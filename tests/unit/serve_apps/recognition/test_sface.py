"""SFace beside the one that OpenCV runs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from samples.frames import PHOTOS
from serve_apps.faces import Box, Detection
from serve_apps.recognition import sface
from serve_apps.recognition.decode import decode
from serve_apps.recognition.engine import YunetDlib, YunetSface
from serve_apps.recognition.sface import SIDE, TEMPLATE, SfaceAligner
from serve_apps.recognition.weights import SFACE, WeightsError


@pytest.fixture(scope="module")
def engine(weights_folder: Path) -> YunetSface:
    return YunetSface(weights_folder)


@pytest.fixture(scope="module")
def opencv() -> cv2.FaceRecognizerSF:
    return cv2.FaceRecognizerSF.create(str(SFACE.locate()), "")


def as_row(face: Detection) -> np.ndarray:
    """A detection as cv2.FaceDetectorYN gives it."""
    box = face.box
    row = [box.x, box.y, box.width, box.height, *face.landmarks.ravel(), face.score]
    return np.array([row], np.float32)


@pytest.mark.parametrize("photo", sorted(PHOTOS.glob("*.jpg")), ids=lambda path: path.stem)
def test_chips_and_embeddings_are_those_of_opencv(
    engine: YunetSface, opencv: cv2.FaceRecognizerSF, photo: Path
) -> None:
    image = decode(photo.read_bytes())
    face = engine.detect(image)[0]
    theirs = opencv.alignCrop(image, as_row(face))
    expected = opencv.feature(theirs).ravel()

    ours = engine.align.cut(image, engine.align.place(image, face))
    (embedding,) = engine.embed([ours])

    assert np.abs(ours[:, :, ::-1].astype(int) - theirs).mean() < 0.01
    assert np.abs(ours[:, :, ::-1].astype(int) - theirs).max() <= 4
    assert np.linalg.norm(embedding - expected / np.linalg.norm(expected)) < 0.005
    assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)


def test_faces_together_have_the_embeddings_that_each_has_alone(engine: YunetSface) -> None:
    images = [decode((PHOTOS / f"{name}.jpg").read_bytes()) for name in ("resident-1", "barred-2")]
    chips = [engine.align.cut(each, engine.align.place(each, engine.detect(each)[0])) for each in images]

    assert np.stack(engine.embed(chips)) == pytest.approx(
        np.stack([engine.embed([chip])[0] for chip in chips]), abs=1e-5
    )


def test_one_person_is_nearer_than_two_and_quality_is_told(engine: YunetSface) -> None:
    resident, again, barred = (
        engine.faces(decode((PHOTOS / f"{name}.jpg").read_bytes()))[0]
        for name in ("resident-1", "resident-2", "barred-1")
    )

    same = np.linalg.norm(resident.embedding - again.embedding)
    assert same + 0.2 < np.linalg.norm(resident.embedding - barred.embedding)
    assert 0 < resident.quality <= 1


def test_both_engines_find_the_same_faces_in_spaces_of_their_own(
    engine: YunetSface, request: pytest.FixtureRequest, weights_folder: Path
) -> None:
    other = YunetDlib(weights_folder)
    image = decode((PHOTOS / "courier-1.jpg").read_bytes())

    assert [face.box for face in engine.faces(image)] == [face.box for face in other.faces(image)]
    assert engine.space != other.space


def test_landmarks_on_the_template_are_left_where_they_are() -> None:
    face = Detection(Box(0, 0, SIDE, SIDE), TEMPLATE.astype(np.float32), 1.0)

    place = SfaceAligner().place(np.zeros((SIDE, SIDE, 3), np.uint8), face)

    assert place == pytest.approx(np.array([[1, 0, 0], [0, 1, 0]]), abs=1e-4)
    assert SfaceAligner().width(place) == pytest.approx(SIDE, rel=1e-4)


def test_landmarks_in_one_place_give_a_chip_of_one_colour_and_no_error() -> None:
    image = np.full((20, 20, 3), 7, np.uint8)
    aligner = SfaceAligner()
    place = aligner.place(image, Detection(Box(0, 0, 5, 5), np.full((5, 2), 9, np.float32), 1.0))

    assert aligner.cut(image, place).shape == (SIDE, SIDE, 3)
    assert np.isfinite(aligner.width(place))


def test_the_rewritten_graph_has_no_weights_among_its_inputs(weights_folder: Path) -> None:
    graph = onnx.load(sface.cached_graph(weights_folder)).graph

    assert [each.name for each in graph.input] == ["chips"]


def test_another_graph_is_refused_with_its_shapes() -> None:
    from serve_apps.recognition.weights import YUNET

    with pytest.raises(WeightsError, match=r"SFace weights: the graph's inputs and outputs are \[\[1, 3, 640, 640\]"):
        sface.rewritten_graph(YUNET.locate().read_bytes())
