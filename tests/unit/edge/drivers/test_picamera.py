from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from edge.drivers.picamera import open_picamera
from edge.errors import CameraFailed
from edge.pictures.reader import LazySource
from edge.settings.cameras import PicameraSettings

np = pytest.importorskip("numpy")

SETTINGS = PicameraSettings(driver="picamera", id="door", width=320, height=240, frames_per_second=10)


class Request:
    def __init__(self, camera: Picamera2) -> None:
        self._camera = camera

    def make_array(self, name: str) -> np.ndarray:
        assert name == "main"
        self._camera.copied += 1
        return np.zeros((240, 320, 3), np.uint8)

    def release(self) -> None:
        self._camera.held -= 1


class Picamera2:
    """A small stand-in with the calls we make; the real one runs on a Raspberry Pi only."""

    newest: Picamera2

    def __init__(self, number: int) -> None:
        if number == 5:
            raise IndexError("list index out of range")
        self.number, self.state, self.copied, self.held, self.fault = number, "open", 0, 0, None
        Picamera2.newest = self

    def create_video_configuration(self, **told: object) -> dict[str, object]:
        return told

    def configure(self, configuration: dict[str, object]) -> None:
        self.configuration = configuration

    def start(self) -> None:
        if self.number == 6:
            raise RuntimeError("Failed to start camera")
        self.state = "started"

    def capture_request(self, wait: float) -> Request:
        assert 0 < wait <= 5
        if self.fault:
            raise self.fault
        self.held += 1
        assert self.held == 1, "a request that is not given back stops the camera"
        return Request(self)

    def stop(self) -> None:
        if self.fault:
            raise self.fault
        self.state = "stopped"

    def close(self) -> None:
        self.state = "closed"


@pytest.fixture
def _on_a_pi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=Picamera2))


@pytest.mark.usefixtures("_on_a_pi")
def test_the_camera_is_configured_as_asked_in_the_order_of_colours_that_opencv_wants() -> None:
    camera = open_picamera(SETTINGS)._camera

    assert camera.configuration["main"] == {"size": (320, 240), "format": "RGB888"}
    assert camera.configuration["controls"] == {"FrameRate": 10.0}
    assert camera.configuration["queue"] is False
    assert camera.state == "started"


@pytest.mark.usefixtures("_on_a_pi")
def test_pictures_are_copied_only_when_somebody_looks_and_every_request_is_given_back() -> None:
    source = open_picamera(SETTINGS)
    assert isinstance(source, LazySource)
    for _ in range(5):
        source.grab()
    pixels = source.retrieve()

    assert (source._camera.copied, source._camera.held) == (1, 0)
    assert pixels.shape == (240, 320, 3)
    source.grab()
    source.close()
    assert (source._camera.state, source._camera.held) == ("closed", 0)


@pytest.mark.usefixtures("_on_a_pi")
@pytest.mark.parametrize("fault", [TimeoutError(), RuntimeError("Camera frontend has timed out")])
def test_a_camera_that_hangs_is_one_clear_error(fault: Exception) -> None:
    source = open_picamera(SETTINGS)
    source._camera.fault = fault

    with pytest.raises(CameraFailed, match="Pi camera 0 gives no picture any more"):
        source.read()


@pytest.mark.usefixtures("_on_a_pi")
def test_a_camera_that_is_not_connected_is_one_clear_error() -> None:
    with pytest.raises(CameraFailed, match="ribbon cable"):
        open_picamera(SETTINGS.model_copy(update={"source": 5}))


@pytest.mark.usefixtures("_on_a_pi")
def test_a_camera_that_does_not_start_is_given_back() -> None:
    with pytest.raises(CameraFailed, match="Failed to start camera"):
        open_picamera(SETTINGS.model_copy(update={"source": 6}))

    assert Picamera2.newest.state == "closed"


@pytest.mark.usefixtures("_on_a_pi")
def test_a_camera_that_does_not_stop_is_given_back_all_the_same() -> None:
    source = open_picamera(SETTINGS)
    source._camera.fault = RuntimeError("Camera frontend has timed out")

    with pytest.raises(RuntimeError):
        source.close()

    assert source._camera.state == "closed"


def test_without_picamera2_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)

    with pytest.raises(CameraFailed, match="apt install python3-picamera2"):
        open_picamera(SETTINGS)
