from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge.drivers.video import VideoSource, open_video
from edge.errors import CameraEnded, CameraFailed
from edge.settings.cameras import VideoSettings

cv2 = pytest.importorskip("cv2")
np = pytest.importorskip("numpy")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "door.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for step in range(6):
        writer.write(np.full((48, 64, 3), step * 40, np.uint8))
    writer.release()
    return path


class Time:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def playing(file: Path) -> tuple[VideoSource, Time]:
    clock = Time()
    return VideoSource(str(file), cv2.VideoCapture(str(file)), clock=lambda: clock.now_s, sleep=clock.sleep), clock


def step_of(pixels: np.ndarray) -> int:
    return round(float(pixels.mean()) / 40)


def test_a_video_plays_in_its_own_speed(playing: tuple[VideoSource, Time]) -> None:
    video, clock = playing

    seen = [(step_of(video.read()), round(clock.now_s - 100, 3)) for _ in range(6)]

    assert seen == [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4), (5, 0.5)]


def test_pictures_that_are_late_are_passed_over(playing: tuple[VideoSource, Time]) -> None:
    video, clock = playing
    video.read()
    clock.now_s += 0.55

    assert step_of(video.read()) == 4


def test_a_video_ends_after_its_last_picture(playing: tuple[VideoSource, Time]) -> None:
    video, _ = playing
    for _ in range(6):
        video.read()

    with pytest.raises(CameraEnded, match="loop: true"):
        video.read()


def test_a_video_in_a_loop_begins_again(file: Path) -> None:
    source = open_video(VideoSettings(driver="video", id="door", source=file, loop=True))
    source._sleep = lambda _: None
    source._clock = lambda: 0.0 if source._began_s is None else source._began_s + source._shown_after_s()
    seen = [step_of(source.read()) for _ in range(14)]
    source.close()

    assert seen == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1]


def test_a_file_that_is_no_video_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "door.mp4").write_bytes(b"no video")

    with pytest.raises(CameraFailed, match=r"door.mp4 cannot be opened"):
        open_video(VideoSettings(driver="video", id="door", source=tmp_path / "door.mp4"))


def test_the_real_clock_is_the_default(file: Path) -> None:
    source = open_video(VideoSettings(driver="video", id="door", source=file))
    source.read()
    began_s = time.monotonic()
    source.read()
    source.close()

    assert time.monotonic() - began_s > 0.05
