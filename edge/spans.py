"""A frame's way through the box as spans: trigger, capture, spool, upload. The gateway's hang below the upload.

Ids come from the frame's, so that they need not be kept beside it; the cluster has the same rules.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edge.camera import Frame
from edge.errors import Problem
from edge.listener import Event, Listener

SERVICE = "doorbell-edge"
RANDOM_DIGITS = 14
SLOW_S = 0.05
"""An upload that took longer broke the promise of 50 ms: its trace is kept, whatever was decided at its head."""

MOST_NOTED = 1000
"""Frames under way whose times are remembered; of older ones the upload is known."""


@dataclass(frozen=True, slots=True)
class Span:
    """Ids are hex digits, moments epoch seconds; `error` is empty where it went well. `parent_id` None is a root."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    began: float
    ended: float
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    error: str = ""


def trace_of(frame_id: str) -> str:
    """The trace of a frame: its id's digits."""
    return frame_id.replace("-", "")


def upload_span(frame_id: str) -> str:
    """The span of the upload with all its tries: the parent of what the gateway does."""
    return _span_id(trace_of(frame_id), "upload")


def head_keeps(frame_id: str, share: float) -> bool:
    """Whether this frame is in the share of traces that are kept: by the last 56 bits, as OpenTelemetry has it."""
    return int(trace_of(frame_id)[-RANDOM_DIGITS:], 16) < share * float(1 << 4 * RANDOM_DIGITS)


@dataclass(slots=True)
class _Noted:
    """Epoch seconds; None where this process has not seen it."""

    triggered: float | None = None
    captured: float | None = None
    taken: float | None = None
    sent: float | None = None
    tries: int = 0


class TracedOutcomes(Listener):
    """Makes the spans of a frame when its fate is known. `share` of the traces are kept, 0 to 1; `send` must not wait.

    What was slow, refused or sent more than once is kept always.
    """

    def __init__(
        self, send: Callable[[list[Span]], None], share: float = 1.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._send = send
        self._share = share
        self._clock = clock
        self._noted: dict[str, _Noted] = {}

    def captured(self, frame: Frame, milliseconds: float) -> None:
        if len(self._noted) >= MOST_NOTED:
            # Of a copy: the uploader's thread changes the dictionary meanwhile, and no picture must be lost by that.
            self._noted.pop(next(iter(self._noted.copy())), None)
        now = self._clock()
        self._noted[frame.frame_id] = _Noted(now - milliseconds / 1000, now)

    def taken(self, frame: Frame, milliseconds: float) -> None:
        if (noted := self._noted.get(frame.frame_id)) is not None:
            noted.taken = self._clock()

    def sending(self, frame: Frame) -> None:
        noted = self._noted.setdefault(frame.frame_id, _Noted())
        noted.sent = noted.sent or self._clock()
        noted.tries += 1

    def answered(self, frame: Frame, event: Event, milliseconds: float) -> None:
        self._end(frame, "")

    def refused(self, frame: Frame, problem: Problem) -> None:
        self._end(frame, str(problem.get("title", "refused")))

    def _end(self, frame: Frame, error: str) -> None:
        noted, now = self._noted.pop(frame.frame_id, _Noted()), self._clock()
        is_slow = noted.sent is not None and now - noted.sent > SLOW_S
        if error or is_slow or noted.tries > 1 or head_keeps(frame.frame_id, self._share):
            self._send(_spans(frame, noted, now, error))


def _spans(frame: Frame, noted: _Noted, now: float, error: str) -> list[Span]:
    trace = trace_of(frame.frame_id)
    told: dict[str, str | float] = {
        "doorbell.frame_id": frame.frame_id,
        "doorbell.camera": frame.camera_id,
        "doorbell.trigger": frame.trigger,
        "doorbell.tries": noted.tries,
    }
    began = frame.captured_at.timestamp() if noted.triggered is None else noted.triggered
    root = Span("trigger", trace, _span_id(trace, "trigger"), None, began, now, told, error)
    steps = [("capture", noted.triggered, noted.captured), ("spool", noted.captured, noted.taken)]
    steps += [("upload", noted.sent, now)]
    return [root] + [
        Span(name, trace, _span_id(trace, name), root.span_id, began, ended, {}, error if name == "upload" else "")
        for name, began, ended in steps
        if began is not None and ended is not None
    ]


def _span_id(trace_id: str, name: str) -> str:
    return hashlib.blake2b(f"{trace_id}\0edge\0{name}".encode(), digest_size=8).hexdigest()
