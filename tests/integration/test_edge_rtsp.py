"""A camera over RTSP from a real server, in a process of its own that can be killed.

Only UDP: the server of the rtsp-rs package knows no TCP.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera import Picture
from edge.drivers.cameras import live_camera
from edge.drivers.rtsp import open_rtsp
from edge.errors import CameraFailed
from edge.pictures.live import LiveCamera
from edge.settings.cameras import PictureSettings, RtspSettings
from samples.frames import PHOTOS
from tests.conftest import eventually, free_ports
from tests.rtsp_server import number_in

pytest.importorskip("rtsp")

ROOT = Path(__file__).parents[2]
FRESH_S, PROMPT_S = 1.0, 0.35
"""The stream's own delay is 0.1 s here, one picture; the rest is room for a busy machine, which is late now and then.
The best of several pictures shows that none lay in a buffer."""


class Server:
    """The stream, and how old each of its pictures is."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.start()

    @property
    def address(self) -> str:
        return f"rtsp://visitor:secret-word@127.0.0.1:{self.port}/stream"

    def start(self) -> None:
        photos = [str(PHOTOS / name) for name in ("barred-2.jpg", "courier-1.jpg")]
        command = [sys.executable, "-m", "tests.rtsp_server", "--port", str(self.port), "--frames", "100", *photos]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._told = json.loads(self._process.stdout.readline())

    def fall_silent(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def speak_again(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def age_s(self, pixels: np.ndarray, at_s: float) -> float:
        """How old a picture was at a moment, by the number in it, which begins again after 10 s."""
        sent_s = number_in(pixels) / self._told["fps"]
        return (at_s - self._told["started_s"] - sent_s) % (self._told["frames"] / self._told["fps"])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(*free_ports(1))
    yield server
    server.kill()


def settings(server: Server) -> RtspSettings:
    picture = PictureSettings(before_s=0.0)
    return RtspSettings(
        driver="rtsp", id="yard", source=server.address, transport="udp", silence_s=3.0, picture=picture
    )


@pytest.fixture
def camera(server: Server) -> Iterator[LiveCamera]:
    camera = live_camera(settings(server))
    assert camera.newest(0.0, 30.0) is not None
    yield camera
    camera.close()


def pixels_of(picture: Picture) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(picture.image, np.uint8), cv2.IMREAD_COLOR)


def until(true: Callable[[], bool], within_s: float) -> None:
    end_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end_s, f"it did not happen within {within_s} s"
        time.sleep(0.02)


def gives_a_picture(camera: LiveCamera) -> bool:
    try:
        camera.capture(time.monotonic())
    except CameraFailed:
        return False
    return True


def test_every_picture_shows_the_moment_of_its_trigger(server: Server, camera: LiveCamera) -> None:
    ages = []
    for _ in range(8):
        triggered_s = time.monotonic()
        picture = camera.capture(triggered_s)
        assert picture.captured_s >= triggered_s
        ages.append(server.age_s(pixels_of(picture), picture.captured_s))
        time.sleep(0.07)

    assert max(ages) <= FRESH_S
    assert min(ages) <= PROMPT_S
    assert camera.state == "well"


def test_pictures_that_lay_in_the_buffer_while_nobody_read_are_passed_over(server: Server) -> None:
    source = open_rtsp(settings(server))
    source.read()
    time.sleep(2)  # in three, more comes than a socket of usual size holds

    pixels = source.read()
    age_s = server.age_s(pixels, time.monotonic())
    source.close()

    # What the driver calls up to date may be a quarter of a second behind.
    assert age_s <= FRESH_S + 0.25


def test_closing_ends_the_thread_though_the_camera_has_fallen_silent(server: Server) -> None:
    camera = live_camera(settings(server).model_copy(update={"silence_s": 30.0}))
    assert camera.newest(0.0, 30.0) is not None
    server.fall_silent()
    time.sleep(0.3)

    camera.close()
    ended = eventually(lambda: not camera._reader._thread.is_alive(), 10)
    server.speak_again()

    assert ended, "only the camera's next picture, or half a minute, ends it"


def test_a_process_that_ends_while_a_camera_is_being_opened_ends_well() -> None:
    code = (
        "import sys, time\n"
        "from edge.drivers.cameras import live_camera\n"
        "from edge.settings.cameras import RtspSettings\n"
        "live_camera(RtspSettings(driver='rtsp', id='yard', source=sys.argv[1], silence_s=30))\n"
        "time.sleep(0.8)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"rtsp://127.0.0.1:{mute.getsockname()[1]}/stream"
        done = subprocess.run([sys.executable, "-c", code, address], cwd=ROOT, capture_output=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_camera_that_goes_away_fails_at_once_and_comes_back_by_itself(
    server: Server, camera: LiveCamera, capfd: pytest.CaptureFixture[str]
) -> None:
    camera.capture(time.monotonic())
    server.kill()
    until(lambda: camera.state == "failed", within_s=15)

    began_s = time.monotonic()
    with pytest.raises(CameraFailed, match=r"127.0.0.1"):
        camera.capture(began_s)
    assert time.monotonic() - began_s < 10

    server.start()
    until(lambda: gives_a_picture(camera), within_s=30)
    picture = camera.capture(time.monotonic())
    said = "".join(capfd.readouterr())
    assert server.age_s(pixels_of(picture), picture.captured_s) <= FRESH_S
    assert camera.restarts == 1
    assert "camera.failed" in said
    assert "secret-word" not in said + str(camera.failure)
