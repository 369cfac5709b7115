from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from edge.camera import Frame
from edge.cue import Cue, Once, concerns, cue_of_answer, is_fresh
from edge.settings.triggers import LedSettings

BOOT = "d1c4"
FRAME = Frame(
    str(uuid.uuid4()),
    "front",
    datetime(2026, 3, 1, tzinfo=UTC),
    "button",
    b"",
    "image/jpeg",
    boot_id=BOOT,
    boot_s=100.0,
)
LED = LedSettings(driver="led", pin=17, when=("known", "taken"))


def test_an_output_reacts_to_its_moments_of_its_cameras_and_triggers() -> None:
    cue = Cue("known", "front", "button")

    assert concerns(LED, cue)
    assert not concerns(LED, replace(cue, moment="unknown"))
    assert concerns(LED.model_copy(update={"cameras": ("front", "back")}), cue)
    assert not concerns(LED.model_copy(update={"cameras": ("back",)}), cue)
    assert concerns(LED.model_copy(update={"triggers": ("button",)}), cue)
    assert not concerns(LED.model_copy(update={"triggers": ("motion",)}), cue)


def test_a_moment_without_a_trigger_reaches_only_outputs_that_are_for_all_triggers() -> None:
    led = LED.model_copy(update={"when": ("lost",)})

    assert concerns(led, Cue("lost", "front"))
    assert not concerns(led.model_copy(update={"triggers": ("button",)}), Cue("lost", "front"))


@pytest.mark.parametrize(
    ("boot_s", "milliseconds", "now_s", "fresh"),
    [
        (100.0, 40.0, 100.1, True),
        (100.0, 10_000.0, 110.0, True),
        (100.0, 10_001.0, 100.1, False),
        (100.0, 40.0, 110.1, False),
        (100.0, -3.0, 100.1, False),
        (100.0, 40.0, 99.0, False),
        (89.0, 40.0, 95.0, False),
    ],
    ids=["at once", "just", "late", "late by the boot's clock", "before it was", "ahead", "taken before the start"],
)
def test_an_answer_is_fresh_for_ten_seconds(boot_s: float, milliseconds: float, now_s: float, fresh: bool) -> None:
    frame = replace(FRAME, boot_s=boot_s)

    assert is_fresh(frame, milliseconds, BOOT, started_s=90.0, now_s=now_s) is fresh


@pytest.mark.parametrize(("of_frame", "of_box"), [("other", BOOT), ("", BOOT), ("", "")])
def test_a_frame_of_another_boot_or_of_none_that_is_known_is_never_fresh(of_frame: str, of_box: str) -> None:
    assert not is_fresh(replace(FRAME, boot_id=of_frame), 40.0, of_box, started_s=90.0, now_s=100.1)


def test_the_cue_of_an_answer_names_everybody_once() -> None:
    ann, ben = ({"person": {"id": name, "name": name}} for name in ("Ann", "Ben"))
    event = {"verdict": "known", "faces": [ann, {"person": None}, ben, ann]}

    assert cue_of_answer(FRAME, event, fresh=True) == Cue(
        "known", "front", "button", FRAME.frame_id, "known", ("Ann", "Ben"), True
    )


@pytest.mark.parametrize("event", [{}, {"verdict": "taken"}, {"verdict": None}, {"verdict": "strange"}])
def test_an_answer_without_a_verdict_that_is_known_here_is_no_cue(event: dict[str, object]) -> None:
    assert cue_of_answer(FRAME, event, fresh=True) is None


def test_faces_of_an_unexpected_shape_name_nobody() -> None:
    cue = cue_of_answer(FRAME, {"verdict": "known", "faces": ["x", {}, {"person": {}}]}, fresh=True)

    assert cue is not None
    assert cue.who == ()


def test_a_key_is_first_once_and_old_ones_are_forgotten() -> None:
    once = Once()

    assert [once.is_first("a"), once.is_first("a")] == [True, False]
    for number in range(1000):
        once.is_first(str(number))
    assert once.is_first("a")
