from __future__ import annotations

import hashlib
from importlib.resources import files

import pytest

from edge.pictures.faces import WEIGHTS, FaceHint
from samples.frames import PHOTOS

cv2 = pytest.importorskip("cv2")
np = pytest.importorskip("numpy")


@pytest.fixture(scope="module")
def hint() -> FaceHint:
    return FaceHint()


def at_a_door(name: str, height: int) -> np.ndarray:
    door = np.full((720, 1280, 3), 140, np.uint8)
    person = cv2.imread(str(PHOTOS / name))
    person = cv2.resize(person, (person.shape[1] * height // person.shape[0], height), interpolation=cv2.INTER_AREA)
    door[720 - height :, 300 : 300 + person.shape[1]] = person
    return door


@pytest.mark.parametrize(
    "name", ["resident-1.jpg", "courier-1.jpg", "barred-1.jpg", "stranger-1.jpg", "stranger-2.jpg"]
)
@pytest.mark.parametrize("height", [400, 700])
def test_a_visitor_is_a_face(hint: FaceHint, name: str, height: int) -> None:
    assert hint(at_a_door(name, height)) is True


def test_a_noisy_wall_is_none(hint: FaceHint) -> None:
    noise = np.random.default_rng(3).normal(140, 6, (720, 1280, 3))

    assert hint(np.clip(noise, 0, 255).astype(np.uint8)) is False


@pytest.mark.parametrize("shape", [(1, 1, 3), (5000, 20, 3), (48, 64, 3)])
def test_pictures_of_any_shape_give_an_answer_or_none_and_never_an_error(shape: tuple[int, ...]) -> None:
    assert FaceHint()(np.zeros(shape, np.uint8)) in (False, None)


def test_weights_that_cannot_be_loaded_cost_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.pictures.faces.WEIGHTS", "none.onnx")
    hint = FaceHint()

    assert hint(at_a_door("stranger-1.jpg", 400)) is None
    assert hint(at_a_door("stranger-1.jpg", 400)) is None


def test_the_weights_are_those_of_the_credits() -> None:
    folder = files("edge.pictures") / "weights"
    checksum = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()

    assert checksum in (folder / "CREDITS.md").read_text()
