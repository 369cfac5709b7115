"""What the log and the command line tell while frames are on their way."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import structlog

from edge.camera import Frame
from edge.errors import Problem
from edge.listener import Event, Listener
from edge.upload.gateway import KEY

log = structlog.get_logger(__name__)


class LoggedOutcomes(Listener):
    """Writes the fate of each frame into the log of a box."""

    def taken(self, frame: Frame, milliseconds: float) -> None:
        log.info(
            "frame.taken",
            frame_id=frame.frame_id,
            camera=frame.camera_id,
            trigger=frame.trigger,
            label=frame.label,
            bytes=len(frame.image),
            face=frame.face,
            milliseconds=round(milliseconds, 1),
        )

    def lost(self, camera_id: str, reason: str) -> None:
        log.error("frame.lost", camera=camera_id, reason=reason)

    def answered(self, frame: Frame, event: Event, milliseconds: float) -> None:
        log.info(
            "frame.answered",
            frame_id=frame.frame_id,
            camera=frame.camera_id,
            label=frame.label,
            event_id=event["id"],
            verdict=event.get("verdict"),
            milliseconds=round(milliseconds, 1),
        )

    def refused(self, frame: Frame, problem: Problem) -> None:
        log.error("frame.refused", frame_id=frame.frame_id, camera=frame.camera_id, problem=problem)

    def waiting(self, frame: Frame, problem: Problem, pause_s: float) -> None:
        tell = log.error if problem.get("status") in KEY else log.warning
        tell("frame.waiting", frame_id=frame.frame_id, problem=problem, pause_s=round(pause_s, 2))


class PrintedOutcomes(Listener):
    """Prints a line for each answer as it comes, and one for each frame that has none at the end."""

    def __init__(self, names: Iterable[str], *, as_json: bool) -> None:
        self.unanswered = dict.fromkeys(names, _NO_ANSWER)
        self.refusals = 0
        self._as_json = as_json

    @property
    def key_refused(self) -> bool:
        return any(problem.get("status") in KEY for problem in self.unanswered.values())

    def lost(self, camera_id: str, reason: str) -> None:
        log.error("frame.lost", camera=camera_id, reason=reason)

    def answered(self, frame: Frame, event: Event, milliseconds: float) -> None:
        self.unanswered.pop(frame.label, None)
        if self._as_json:
            _print_json({"frame": frame.label, "milliseconds": round(milliseconds, 3), "event": event})
        else:
            print(f"{frame.label}  {_told(event)}  {milliseconds:.1f} ms", flush=True)

    def refused(self, frame: Frame, problem: Problem) -> None:
        self.unanswered.pop(frame.label, None)
        self.refusals += 1
        self._print_problem(frame.label, problem)

    def waiting(self, frame: Frame, problem: Problem, pause_s: float) -> None:
        if frame.label in self.unanswered:
            self.unanswered[frame.label] = problem

    def finish(self) -> int:
        """Print the frames without an answer, each with the last problem it met; return how many were not accepted."""
        for frame, problem in self.unanswered.items():
            self._print_problem(frame, problem)
        return len(self.unanswered) + self.refusals

    def _print_problem(self, frame: str, problem: Problem) -> None:
        if self._as_json:
            _print_json({"frame": frame, "problem": problem})
        else:
            print(f"{frame}  {problem.get('status', '')} {problem.get('title')}: {problem.get('detail')}", flush=True)


_NO_ANSWER: Problem = {"type": "about:blank", "title": "no answer", "detail": "not sent before the replay ended"}


def _told(event: Event) -> str:
    people = [face["person"]["name"] for face in event.get("faces") or [] if face.get("person")]
    return "  ".join([str(event.get("verdict")), *([", ".join(people)] if people else [])])


def _print_json(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)
