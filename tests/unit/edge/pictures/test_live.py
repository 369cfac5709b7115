from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Event, Thread

import pytest
from structlog.testing import capture_logs

from edge.errors import CameraEnded, CameraFailed
from edge.pictures.live import LiveCamera
from edge.pictures.reader import pause_s
from edge.settings.cameras import CropSettings, PictureSettings

cv2 = pytest.importorskip("cv2")
np = pytest.importorskip("numpy")

SOON_S = 5.0


class Scripted:
    """A source that gives what a test puts in: pixels, or an error to raise. One may be opened again and again."""

    def __init__(self) -> None:
        self.script, self.opened, self.closed = SimpleQueue(), 0, Event()
        self.refuses: Exception | None = None

    def open(self) -> Scripted:
        self.opened += 1
        if self.refuses:
            raise self.refuses
        return self

    def put(self, *items: object) -> None:
        for item in items:
            self.script.put(item)

    def read(self) -> np.ndarray:
        item = self.script.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        self.closed.set()


class Lazy(Scripted):
    """Counts what is decoded."""

    def __init__(self) -> None:
        super().__init__()
        self.decoded, self.grabbed = 0, 0

    def grab(self) -> None:
        self.pixels = super().read()
        self.grabbed += 1

    def retrieve(self) -> np.ndarray:
        self.decoded += 1
        return self.pixels


Maker = Callable[..., LiveCamera]


@pytest.fixture
def source() -> Scripted:
    return Scripted()


@pytest.fixture
def camera_on() -> Iterator[Maker]:
    made = []

    def make(source: Scripted, clock: Callable[[], float] = time.monotonic, **told: object) -> LiveCamera:
        given = {name: told.pop(name) for name in ("frozen_after_s", "look_for_face") if name in told}
        camera = LiveCamera("door", source.open, PictureSettings(**told), clock=clock, **given)
        made.append((camera, source))
        return camera

    yield make
    for camera, source in made:
        source.put(CameraFailed("the test", "is over"))
        camera.close()


def until(true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.002)


def plain(level: int, width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def checks(level: int) -> np.ndarray:
    squares = np.indices((48, 64)).sum(axis=0) // 4 % 2 * 60
    return np.repeat((squares + level)[..., None], 3, axis=2).astype(np.uint8)


def level(image: bytes) -> float:
    return float(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR).mean())


def test_the_sharpest_of_the_shots_before_the_trigger_is_sent(source: Scripted, camera_on: Maker) -> None:
    moments = iter([9.0, 10.0, 10.1, 10.2])
    camera = camera_on(source, lambda: next(moments, 10.3), before_s=1.0)
    source.put(plain(50), checks(100), plain(200))
    until(lambda: source.script.empty() and camera.newest(10.15, 0) is not None)

    picture = camera.capture(10.25)

    assert level(picture.image) == pytest.approx(130, abs=3)
    assert picture.captured_s == 10.1
    assert picture.media_type == "image/jpeg"


def test_a_shot_from_long_before_the_trigger_is_never_sent(source: Scripted, camera_on: Maker) -> None:
    camera = camera_on(source, before_s=0.05)
    source.put(checks(20))
    until(lambda: camera.newest(0, 0) is not None)
    time.sleep(0.06)
    Thread(target=lambda: (time.sleep(0.05), source.put(plain(200)))).start()

    assert level(camera.capture(time.monotonic()).image) == pytest.approx(200, abs=3)


def test_a_silent_camera_gives_an_error_and_no_old_picture(
    source: Scripted, camera_on: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.pictures.live.PATIENCE_S", 0.05)
    camera = camera_on(source, before_s=0.0)
    source.put(plain(100))
    until(lambda: camera.state == "well")

    with pytest.raises(CameraFailed, match="gave no picture"):
        camera.capture(time.monotonic())


def test_a_burst_goes_on_behind_the_trigger_and_its_sharpest_is_sent(source: Scripted, camera_on: Maker) -> None:
    camera = camera_on(source, before_s=0.0, after_s=0.1)

    def later() -> None:
        for picture in (plain(50), checks(100), plain(200)):
            time.sleep(0.02)
            source.put(picture)
        time.sleep(0.1)
        source.put(plain(220))

    Thread(target=later).start()

    assert level(camera.capture(time.monotonic()).image) == pytest.approx(130, abs=3)


def test_a_camera_that_dies_in_a_burst_has_still_seen_the_visitor(source: Scripted, camera_on: Maker) -> None:
    source.refuses = None
    camera = camera_on(source, before_s=0.5, after_s=1.0)
    source.put(plain(100))
    until(lambda: camera.newest(0, 0) is not None)
    source.refuses = CameraFailed("no such device", "plug it in")
    source.put(CameraFailed("unplugged", "plug it in"))

    assert level(camera.capture(time.monotonic()).image) == pytest.approx(100, abs=3)


def test_the_picture_is_cut_scaled_and_kept_within_its_bytes(source: Scripted, camera_on: Maker) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    crop = CropSettings(x=0.5, width=0.5)
    camera = camera_on(source, before_s=1.0, crop=crop, longest_side=400, max_bytes=10_000)
    source.put(noise)
    until(lambda: camera.newest(0, 0) is not None)

    image = camera.capture(time.monotonic()).image

    height, width = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    assert len(image) <= 10_000
    assert height <= 400
    assert width / height == pytest.approx(320 / 480, rel=0.05)


@pytest.mark.parametrize("hint", [True, False, None])
def test_the_face_hint_is_passed_on(source: Scripted, camera_on: Maker, hint: bool | None) -> None:
    camera = camera_on(source, before_s=1.0, look_for_face=lambda _: hint)
    source.put(plain(100))

    assert camera.capture(time.monotonic()).face is hint


def test_the_hint_is_loaded_while_the_camera_opens_and_not_with_the_first_visitor(
    source: Scripted, camera_on: Maker
) -> None:
    looks = []
    camera = camera_on(source, look_for_face=lambda pixels: looks.append(pixels.shape))
    source.put(plain(100))

    assert camera.newest(0, SOON_S) is not None
    assert len(looks) == 1


def test_a_camera_that_is_unplugged_comes_back_and_shows_nothing_from_before(
    source: Scripted, camera_on: Maker
) -> None:
    with capture_logs() as logs:
        camera = camera_on(source, before_s=10.0)
        source.put(checks(10), CameraFailed("unplugged", "plug it in"))
        until(lambda: camera.state == "failed")
        source.put(plain(200))
        until(lambda: camera.state == "well")

    picture = camera.capture(time.monotonic())
    assert level(picture.image) == pytest.approx(200, abs=3)
    assert (camera.restarts, source.opened) == (1, 2)
    assert [line["event"] for line in logs][:2] == ["camera.well", "camera.failed"]


def test_a_camera_that_stays_away_is_one_log_line_and_a_quick_error(
    source: Scripted, camera_on: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.pictures.live.FAILED_PATIENCE_S", 0.05)
    source.refuses = CameraFailed("camera 7 cannot be opened", "plug it in")
    with capture_logs() as logs:
        camera = camera_on(source)
        until(lambda: camera.state == "failed")
        for _ in range(3):
            with pytest.raises(CameraFailed, match="camera 7 cannot be opened ; plug it in"):
                camera.capture(time.monotonic())

    assert [line["event"] for line in logs] == ["camera.failed"]
    assert source.opened >= 2, "a trigger has it opened before its pause is over"


def test_a_fault_in_a_driver_is_a_failed_camera_that_is_opened_again(source: Scripted, camera_on: Maker) -> None:
    camera = camera_on(source, before_s=0.0)
    source.put(ZeroDivisionError())
    until(lambda: camera.state == "failed")
    source.put(plain(100))

    assert "ZeroDivisionError" in str(camera.failure)
    assert camera.newest(0, SOON_S) is not None


def test_a_video_that_is_over_is_not_opened_again(source: Scripted, camera_on: Maker) -> None:
    camera = camera_on(source, before_s=0.0)
    source.put(plain(100), CameraEnded("the video is over", "loop it"))
    until(lambda: camera.state == "failed")

    with pytest.raises(CameraFailed, match="over"):
        camera.capture(time.monotonic())
    assert source.opened == 1


def test_black_and_frozen_are_told_apart_reported_once_and_still_sent(source: Scripted, camera_on: Maker) -> None:
    moments = iter(range(1000))
    noise = np.random.default_rng(2).integers(0, 256, (48, 64, 3), np.uint8)
    with capture_logs() as logs:
        camera = camera_on(source, lambda: float(next(moments)), before_s=10.0, frozen_after_s=4.0)
        states = []
        for picture in (*[plain(0)] * 4, noise, *[noise] * 6):
            before = camera.newest(-1, 0)
            source.put(picture)
            until(lambda before=before: camera.newest(before.at_s if before else -1, 0) is not None)
            until(source.script.empty)
            time.sleep(0.01)
            states.append(camera.state)
        picture = camera.capture(camera.newest(-1, 0).at_s)

    assert states[3] == "black"
    assert states[4] == "well"
    assert states[-1] == "frozen"
    assert [line["event"] for line in logs] == ["camera.well", "camera.black", "camera.well", "camera.frozen"]
    assert level(picture.image) == pytest.approx(float(noise.mean()), abs=3)


def test_nothing_is_decoded_that_nobody_looks_at(camera_on: Maker) -> None:
    source, now = Lazy(), [0.0]
    camera = camera_on(source, lambda: now[0], before_s=0.0)
    source.put(*[plain(100)] * 50)
    until(lambda: source.grabbed == 50)

    assert source.decoded == 1
    found = []
    watcher = Thread(target=lambda: found.append(camera.newest(now[0], SOON_S)))
    now[0] = 0.5
    watcher.start()
    until(lambda: camera._reader._waiting == 1)
    now[0] = 0.6
    source.put(plain(7))
    watcher.join()
    assert (source.decoded, found[0].pixels[0, 0, 0]) == (2, 7)


def test_who_waits_for_a_picture_of_a_silent_camera_gets_none_after_the_timeout(
    source: Scripted, camera_on: Maker
) -> None:
    assert camera_on(source).newest(0.0, 0.02) is None


def test_closing_ends_the_thread_and_gives_the_device_back(source: Scripted, camera_on: Maker) -> None:
    camera = camera_on(source)
    source.put(plain(1))
    until(lambda: camera.state != "starting")
    source.put(plain(1))
    closer = Thread(target=camera.close)
    closer.start()
    until(camera._reader._stop.is_set)
    source.put(plain(1))
    closer.join(SOON_S)

    assert source.closed.wait(SOON_S)
    assert not camera._reader._thread.is_alive()


def test_the_pauses_between_attempts_grow_from_half_a_second_to_half_a_minute() -> None:
    assert [pause_s(failures) for failures in (1, 2, 3, 6, 7, 8, 5000)] == [0.5, 1.0, 2.0, 16.0, 30.0, 30.0, 30.0]


def test_only_a_camera_that_has_worked_for_a_while_begins_with_the_shortest_pause_again(
    source: Scripted, camera_on: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[int] = []
    monkeypatch.setattr("edge.pictures.reader.pause_s", lambda count: failures.append(count) or 0.0)
    now_s = [0.0]

    class Slow(Scripted):
        def open(self) -> Scripted:
            now_s[0] += 15.0
            self.refuses = CameraFailed("no camera", "plug it in") if self.opened < 2 else None
            return super().open()

    slow = Slow()
    camera = camera_on(slow, lambda: now_s[0], before_s=0.0)
    slow.put(CameraFailed("gone", "look"), plain(100))
    assert camera.newest(40.0, SOON_S) is not None
    now_s[0] += 15.0
    slow.put(CameraFailed("gone", "look"), plain(100))
    assert camera.newest(60.0, SOON_S) is not None

    assert failures == [1, 2, 3, 1]
