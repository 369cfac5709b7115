"""Triggers: what makes the cameras take a picture."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge.settings.section import CameraId, Fraction, Pin, Port, Seconds, Section, SomeSeconds


class _TriggerSettings(Section):
    """`cameras` that it fires, all where none is named; it fires at most once in `min_interval_s` seconds."""

    cameras: tuple[CameraId, ...] = ()
    min_interval_s: Seconds = 0.0


class ButtonSettings(_TriggerSettings):
    """A push button that fires when pressed, or once it was held for `hold_s` seconds."""

    driver: Literal["button"]
    pin: Pin
    pull_up: bool = True
    debounce_s: Seconds = 0.05
    hold_s: Seconds = 0.0
    min_interval_s: Seconds = 1.0


class MotionSensorSettings(_TriggerSettings):
    """A passive infrared sensor that fires when it sees somebody come."""

    driver: Literal["motion_sensor"]
    pin: Pin
    debounce_s: Seconds = 0.05
    min_interval_s: Seconds = 5.0


class ZoneSettings(Section):
    """A polygon in fractions of the picture; motion counts inside of one, or inside of none of the ignored ones."""

    points: Annotated[tuple[tuple[Fraction, Fraction], ...], Field(min_length=3)]
    ignore: bool = False


class MotionSettings(_TriggerSettings):
    """Motion in the picture of one camera.

    Fires when at least `share` of the watched pixels moved in two looks in a row; looks so many times a second.
    """

    driver: Literal["motion"]
    cameras: Annotated[tuple[CameraId, ...], Field(max_length=1)] = ()
    looks_per_second: Annotated[float, Field(gt=0, le=30)] = 5.0
    share: Annotated[float, Field(gt=0, le=1)] = 0.01
    zones: tuple[ZoneSettings, ...] = ()
    min_interval_s: Seconds = 5.0


class TimerSettings(_TriggerSettings):
    """Fires every so many seconds."""

    driver: Literal["timer"]
    every_s: SomeSeconds


class HttpSettings(_TriggerSettings):
    """`POST /trigger` on loopback; `?camera=ID` names one camera. The answer comes when the frames are on disk."""

    driver: Literal["http"]
    port: Port


class StdinSettings(_TriggerSettings):
    """Each line on standard input; a camera's id in it names that camera."""

    driver: Literal["stdin"]


TriggerSettings = Annotated[
    ButtonSettings | MotionSensorSettings | MotionSettings | TimerSettings | HttpSettings | StdinSettings,
    Field(discriminator="driver"),
]

Moment = Literal["taken", "lost", "known", "unknown", "blacklisted", "no_face", "refused", "waiting"]
"""When something may react: the frame is on disk, there is none; the verdict; refused for good; no network."""


class _FeedbackSettings(Section):
    """Reacts `when` one of these moments comes; `cameras` and `triggers` it reacts to, all where none is named."""

    cameras: tuple[CameraId, ...] = ()
    triggers: tuple[Literal["button", "motion", "timer", "manual"], ...] = ()
    when: Annotated[tuple[Moment, ...], Field(min_length=1)]


class LedSettings(_FeedbackSettings):
    """A light: on for `seconds`, or blinking so many times in them."""

    driver: Literal["led"]
    pin: Pin
    seconds: Annotated[float, Field(gt=0, le=3600)] = 3.0
    blinks: Annotated[int, Field(ge=0, le=1000)] = 0
    active_high: bool = True


class RelaySettings(_FeedbackSettings):
    """A relay, closed for `seconds`."""

    driver: Literal["relay"]
    pin: Pin
    seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0
    active_high: bool = True


class ChimeSettings(_FeedbackSettings):
    """A program without a shell, such as [aplay, ding.wav]; it learns the moment in DOORBELL_… variables."""

    driver: Literal["chime"]
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    longest_s: Annotated[float, Field(gt=0, le=600)] = 10.0

    @model_validator(mode="after")
    def _names_a_program(self) -> Self:
        if not self.command[0]:
            raise ValueError("the command names no program")
        return self


FeedbackSettings = Annotated[LedSettings | RelaySettings | ChimeSettings, Field(discriminator="driver")]
