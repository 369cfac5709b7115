from __future__ import annotations

import time
from threading import Event, Thread

import pytest

from edge.camera import Camera, Frame, Picture
from edge.door import Door
from edge.errors import CameraFailed, SpoolUnusable
from edge.listener import Listener
from edge.trigger import Firing


class Heard(Listener):
    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.reasons: list[str] = []

    def taken(self, frame: Frame, milliseconds: float) -> None:
        self.frames.append(frame)

    def lost(self, camera_id: str, reason: str) -> None:
        self.reasons.append(reason)


class Told:
    def __init__(self) -> None:
        self.frames: list[str] = []
        self.reasons: list[str] = []

    def taken(self, camera_id: str, frame_id: str) -> None:
        self.frames.append(frame_id)

    def lost(self, camera_id: str, reason: str) -> None:
        self.reasons.append(reason)


class Disk:
    """What a door needs of a spool."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.full = False

    def take(self, frame: Frame, captured_s: float) -> None:
        if self.full:
            raise SpoolUnusable("the disk is full", "clear it")
        self.frames.append(frame)

    def wake(self) -> None:
        pass


class Still(Camera):
    def __init__(self) -> None:
        self.asked = 0
        self.broken = False
        self.free = Event()
        self.free.set()

    def capture(self, triggered_s: float) -> Picture:
        self.asked += 1
        self.free.wait()
        if self.broken:
            raise CameraFailed("no picture", "check its cable")
        return Picture(b"image", "image/jpeg", face=True, captured_s=time.monotonic() - 60)

    def close(self) -> None:
        pass


@pytest.fixture
def parts() -> tuple[Still, Disk, Heard]:
    return Still(), Disk(), Heard()


def worked(parts: tuple[Still, Disk, Heard], *firings: Firing) -> None:
    camera, disk, heard = parts
    door = Door("front", camera, disk, heard)
    for firing in firings:
        door.fire(firing)
    door.close(at_once=False)
    door.work()


def test_a_firing_is_acknowledged_after_the_frame_is_on_disk(parts: tuple[Still, Disk, Heard]) -> None:
    _, disk, heard = parts
    told = Told()
    worked(parts, Firing("button", fate=told))

    (frame,) = disk.frames
    assert told.frames == [frame.frame_id]
    assert heard.frames == [frame]
    assert (frame.trigger, frame.face, frame.camera_id) == ("button", True, "front")


def test_all_clocks_of_a_frame_tell_the_moment_of_the_shutter(parts: tuple[Still, Disk, Heard]) -> None:
    worked(parts, Firing("button"))

    (frame,) = parts[1].frames
    assert time.time() - frame.captured_at.timestamp() == pytest.approx(60, abs=5)
    assert time.clock_gettime(time.CLOCK_BOOTTIME) - frame.boot_s == pytest.approx(60, abs=5)


@pytest.mark.parametrize("what", ["camera", "disk"])
def test_what_cannot_be_taken_is_told_and_the_next_one_is_tried(parts: tuple[Still, Disk, Heard], what: str) -> None:
    camera, disk, heard = parts
    camera.broken, disk.full = what == "camera", what == "disk"
    told = Told()
    worked(parts, Firing("button", fate=told), Firing("button", fate=told))

    assert camera.asked == 2
    assert told.frames == []
    assert told.reasons == heard.reasons
    assert len(told.reasons) == 2


def test_firings_beyond_the_queue_are_told_at_once(parts: tuple[Still, Disk, Heard]) -> None:
    camera, disk, heard = parts
    door, told = Door("front", camera, disk, heard), Told()
    for _ in range(20):
        door.fire(Firing("button", fate=told))

    assert 0 < len(told.reasons) < 20


def test_a_stop_ends_after_the_picture_in_hand_and_tells_those_who_wait(parts: tuple[Still, Disk, Heard]) -> None:
    camera, disk, heard = parts
    camera.free.clear()
    door, told = Door("front", camera, disk, heard), Told()
    for _ in range(3):
        door.fire(Firing("button", fate=told))
    working = Thread(target=door.work)
    working.start()
    while not camera.asked:
        time.sleep(0.001)
    door.close(at_once=True)
    camera.free.set()
    working.join()

    assert len(told.frames) == 1
    assert told.reasons == ["the agent is stopping"] * 2
    assert not door.pending
