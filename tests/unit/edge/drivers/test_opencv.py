from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge.drivers.opencv import open_opencv
from edge.errors import CameraFailed
from edge.settings.cameras import OpencvSettings

cv2 = pytest.importorskip("cv2")
np = pytest.importorskip("numpy")


def settings(**told: object) -> OpencvSettings:
    return OpencvSettings(driver="opencv", id="door", **told)


class Webcam:
    """Stands in for cv2.VideoCapture: one that has 640x480 only, and keeps what it was asked."""

    def __init__(self, source: object, api: int) -> None:
        self.source, self.api, self.asked, self.unplugged, self.released = source, api, {}, False, False

    def isOpened(self) -> bool:  # OpenCV's name
        return self.source != 9

    def set(self, wish: int, value: float) -> bool:
        self.asked[wish] = value
        return True

    def get(self, what: int) -> float:
        return {cv2.CAP_PROP_FRAME_WIDTH: 640.0, cv2.CAP_PROP_FRAME_HEIGHT: 480.0}[what]

    def grab(self) -> bool:
        return not self.unplugged

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.zeros((480, 640, 3), np.uint8)

    def release(self) -> None:
        self.released = True


@pytest.fixture
def webcams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Webcam)


@pytest.mark.usefixtures("webcams")
def test_a_camera_is_asked_for_size_speed_and_one_buffer_and_says_when_it_gives_another_size() -> None:
    with capture_logs() as logs:
        webcam = open_opencv(settings(source=0, width=1280, height=720, frames_per_second=15)).device

    asked = [webcam.asked[each] for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS)]
    assert asked == [1280, 720, 15]
    assert webcam.asked[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert logs == [
        {
            "event": "camera.other_size",
            "log_level": "warning",
            "camera": "camera 0",
            "asked": "1280x720",
            "given": "640x480",
        }
    ]


@pytest.mark.usefixtures("webcams")
def test_a_camera_of_which_nothing_was_asked_gives_what_it_likes() -> None:
    with capture_logs() as logs:
        webcam = open_opencv(settings(source="/dev/video2")).device

    assert set(webcam.asked) == {cv2.CAP_PROP_BUFFERSIZE}
    assert logs == []


@pytest.mark.usefixtures("webcams")
def test_a_camera_that_is_unplugged_is_one_clear_error() -> None:
    source = open_opencv(settings(source=0))
    assert source.read().shape == (480, 640, 3)
    source.device.unplugged = True

    with pytest.raises(CameraFailed, match="camera 0 gives no picture any more"):
        source.read()
    source.close()
    assert source.device.released


@pytest.mark.usefixtures("webcams")
def test_a_camera_that_is_not_there_is_one_clear_error() -> None:
    with pytest.raises(CameraFailed, match="camera 9 cannot be opened"):
        open_opencv(settings(source=9))


def test_a_real_device_file_that_is_missing_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CameraFailed, match="cannot be opened"):
        open_opencv(settings(source=str(tmp_path / "none.avi")))


def test_the_error_of_an_address_names_no_password() -> None:
    with pytest.raises(CameraFailed) as error:
        open_opencv(settings(source="http://me:secret@127.0.0.1:9/stream?token=hidden"))

    assert "secret" not in str(error.value)
    assert "hidden" not in str(error.value)
