"""Lights, relays and chimes that react to what becomes of frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

import structlog

from edge.camera import Frame
from edge.cue import Cue, concerns, cue_of_answer, is_fresh
from edge.drivers.chime import Chime
from edge.drivers.led import Led
from edge.drivers.relay import Relay
from edge.errors import Problem
from edge.listener import Event, Listener
from edge.settings.triggers import ChimeSettings, FeedbackSettings, LedSettings

log = structlog.get_logger(__name__)

BootClock = Callable[[], tuple[str, float]]
"""Returns the id of this boot, and the seconds since."""


class Output(Protocol):
    """Something at the door that people see, hear or walk through."""

    def react(self, cue: Cue) -> None:
        """Begin, and return at once."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


class Feedback(Listener):
    """Gives each output the cues that concern it.

    An answer that comes more than ten seconds after the capture, or for a frame from before the agent's start, is not
    fresh: a light still shows it, a relay and a chime do not react.
    """

    def __init__(self, outputs: Sequence[tuple[FeedbackSettings, Output]], boot_clock: BootClock) -> None:
        """Take over the outputs: `close` closes them. The agent counts as started now."""
        self._outputs = tuple(outputs)
        self._boot_clock = boot_clock
        _, self._started_s = boot_clock()

    def taken(self, frame: Frame, milliseconds: float) -> None:
        self._give(Cue("taken", frame.camera_id, frame.trigger, frame.frame_id))

    def lost(self, camera_id: str, reason: str) -> None:
        self._give(Cue("lost", camera_id))

    def answered(self, frame: Frame, event: Event, milliseconds: float) -> None:
        boot_id, now_s = self._boot_clock()
        fresh = is_fresh(frame, milliseconds, boot_id, self._started_s, now_s)
        cue = cue_of_answer(frame, event, fresh=fresh)
        if cue is not None:
            self._give(cue)

    def refused(self, frame: Frame, problem: Problem) -> None:
        self._give(Cue("refused", frame.camera_id, frame.trigger, frame.frame_id))

    def waiting(self, frame: Frame, problem: Problem, pause_s: float) -> None:
        self._give(Cue("waiting", frame.camera_id, frame.trigger, frame.frame_id))

    def close(self) -> None:
        """Switch everything off, and the rest as well when one cannot be."""
        with ExitStack() as still_on:
            for _, output in self._outputs:
                still_on.callback(output.close)

    def _give(self, cue: Cue) -> None:
        for settings, output in self._outputs:
            if concerns(settings, cue):
                output.react(cue)


def feedback_of(settings: Sequence[FeedbackSettings], boot_clock: BootClock, factory: object | None = None) -> Feedback:
    """Open all outputs, with gpiozero's own pin factory where none is given. Raises FeedbackUnusable."""
    with ExitStack() as opened:
        outputs: list[tuple[FeedbackSettings, Output]] = []
        for each in settings:
            output = _output(each, factory)
            opened.callback(output.close)
            outputs.append((each, output))
        feedback = Feedback(outputs, boot_clock)
        opened.pop_all()
    return feedback


def _output(settings: FeedbackSettings, factory: object | None) -> Output:
    if isinstance(settings, ChimeSettings):
        return Chime(settings)
    if isinstance(settings, LedSettings):
        return Led(settings, factory)
    return Relay(settings, factory)
