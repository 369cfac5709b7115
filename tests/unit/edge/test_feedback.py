from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

pytest.importorskip("gpiozero")
from gpiozero.pins.mock import MockFactory

from edge.camera import Frame, new_frame_id
from edge.cue import Cue
from edge.errors import FeedbackUnusable
from edge.feedback import Feedback, feedback_of
from edge.settings.triggers import ChimeSettings, LedSettings, RelaySettings

TAKEN = datetime(2026, 3, 1, tzinfo=UTC)


class Box:
    """Feedback with two outputs that remember, on a boot that is a minute old when the agent starts."""

    def __init__(self) -> None:
        self.now_s = 60.0
        self.light, self.door = Remembered(), Remembered()
        light = LedSettings(driver="led", pin=17, when=("taken", "lost", "known", "refused", "waiting"))
        door = RelaySettings(driver="relay", pin=22, when=("known",), cameras=("front",), triggers=("button",))
        self.feedback = Feedback([(light, self.light), (door, self.door)], lambda: ("boot", self.now_s))
        self.now_s = 65.0

    def frame(self, camera: str = "front") -> Frame:
        return Frame(new_frame_id(), camera, TAKEN, "button", b"", "image/jpeg", boot_id="boot", boot_s=self.now_s)


class Remembered:
    def __init__(self) -> None:
        self.cues: list[Cue] = []
        self.closed = False

    def react(self, cue: Cue) -> None:
        self.cues.append(cue)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def box() -> Box:
    return Box()


def test_each_moment_of_a_frame_reaches_the_outputs_that_it_concerns(box: Box) -> None:
    frame = box.frame()

    box.feedback.taken(frame, 12.0)
    box.feedback.waiting(frame, {"title": "no network"}, 0.5)
    box.feedback.answered(frame, {"verdict": "known", "faces": []}, 45.0)
    box.feedback.refused(frame, {"title": "too large"})
    box.feedback.lost("front", "the camera is unplugged")

    assert [cue.moment for cue in box.light.cues] == ["taken", "waiting", "known", "refused", "lost"]
    assert [(cue.moment, cue.frame_id, cue.is_fresh) for cue in box.door.cues] == [("known", frame.frame_id, True)]


def test_the_door_of_one_camera_does_not_open_for_another(box: Box) -> None:
    box.feedback.answered(box.frame("back"), {"verdict": "known"}, 45.0)

    assert box.door.cues == []


def test_answers_after_an_outage_are_not_fresh(box: Box) -> None:
    frame = box.frame()
    box.now_s += 3600.0

    box.feedback.answered(frame, {"verdict": "known"}, 3_600_000.0)

    assert [cue.is_fresh for cue in box.door.cues] == [False]


def test_a_frame_of_an_earlier_run_is_not_fresh_whatever_the_clock_says(box: Box) -> None:
    earlier_run = replace(box.frame(), boot_s=59.0)
    earlier_boot = replace(box.frame(), boot_id="before the power cut")

    for frame in (earlier_run, earlier_boot):
        box.feedback.answered(frame, {"verdict": "known"}, 5.0)

    assert [cue.is_fresh for cue in box.door.cues] == [False, False]


def test_an_answer_without_a_verdict_concerns_nobody(box: Box) -> None:
    box.feedback.answered(box.frame(), {}, 5.0)

    assert box.light.cues == []


def test_a_close_switches_everything_off(box: Box) -> None:
    box.feedback.close()

    assert box.light.closed
    assert box.door.closed


class Jammed(Remembered):
    def close(self) -> None:
        raise OSError("the pin library broke")


def test_a_light_that_cannot_be_switched_off_leaves_no_door_open() -> None:
    settings = LedSettings(driver="led", pin=17, when=("known",))
    door, light = Remembered(), Jammed()
    feedback = Feedback([(settings, light), (settings, door), (settings, light)], lambda: ("boot", 0.0))

    with pytest.raises(OSError, match="pin library"):
        feedback.close()

    assert door.closed


def test_outputs_are_opened_by_their_settings_and_one_that_fails_gives_the_others_pins_back() -> None:
    factory = MockFactory()
    led = LedSettings(driver="led", pin=17, seconds=0.01, when=("taken",))
    relay = RelaySettings(driver="relay", pin=22, when=("known",))
    chime = ChimeSettings(driver="chime", command=("true",), when=("taken",))
    missing = ChimeSettings(driver="chime", command=("no-such-program",), when=("taken",))

    with pytest.raises(FeedbackUnusable, match="no-such-program"):
        feedback_of([led, relay, missing], lambda: ("boot", 1.0), factory)
    feedback_of([led, relay, chime], lambda: ("boot", 1.0), factory).close()
    factory.reset()
