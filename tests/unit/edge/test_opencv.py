from __future__ import annotations

from pathlib import Path

import pytest

from edge.drivers.opencv import OpencvCamera
from edge.errors import CameraFailed

cv2 = pytest.importorskip("cv2")
np = pytest.importorskip("numpy")


@pytest.fixture
def video(tmp_path: Path) -> str:
    path = tmp_path / "door.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for step in range(6):
        writer.write(np.full((48, 64, 3), step * 40, np.uint8))
    writer.release()
    return str(path)


def test_a_picture_skips_what_the_driver_had_buffered(video: str) -> None:
    camera = OpencvCamera(video, stale_pictures=4)
    picture = camera.capture()
    camera.close()

    pixels = cv2.imdecode(np.frombuffer(picture.image, np.uint8), cv2.IMREAD_COLOR)
    assert picture.media_type == "image/jpeg"
    assert pixels.shape == (48, 64, 3)
    assert abs(float(pixels.mean()) - 160) < 8


def test_a_camera_that_went_silent_is_opened_anew(video: str) -> None:
    camera = OpencvCamera(video, stale_pictures=0)
    pictures = [camera.capture() for _ in range(8)]
    camera.close()

    assert pictures[6].image == pictures[0].image


def test_a_camera_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CameraFailed, match="cannot be opened"):
        OpencvCamera(str(tmp_path / "none.avi"))
