"""What the API says, in its own words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from serve_apps.events.event import Event
from serve_apps.faces import Identity, Standing, Trigger, Verdict

SKEW_ALLOWED = timedelta(minutes=1)


class BoxOut(BaseModel):
    """Pixels of the upright frame."""

    x: float
    y: float
    width: float
    height: float


class PersonOut(BaseModel):
    """Somebody enrolled."""

    id: str
    name: str


class FaceOut(BaseModel):
    """A face in a frame. `person` is null for an unknown face, and for a person who was removed since."""

    box: BoxOut
    detection_score: float
    quality: float
    standing: Standing
    person: PersonOut | None
    distance: float | None
    margin: float | None


class EventOut(BaseModel):
    """What happened at a door. `clock_skew_seconds` is set when the capture time lies in the future.

    `clock_offset_seconds` was added to the time that the edge's own clock gave; `trace_id` is the request's, by W3C.
    """

    id: str
    frame_id: str
    camera_id: str
    captured_at: datetime
    received_at: datetime
    trigger: Trigger
    verdict: Verdict
    release: str
    faces: list[FaceOut]
    clock_skew_seconds: float | None = None
    clock_offset_seconds: float | None = None
    trace_id: str | None = None


class AnswerOut(EventOut):
    """The event of a posted frame; `replayed` when this frame id had its event already."""

    replayed: bool


class EventsOut(BaseModel):
    """A page of events, newest first; `next_cursor` is null on the last page."""

    events: list[EventOut]
    next_cursor: str | None


class ProblemOut(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


def event_out(event: Event) -> EventOut:
    """The public form of an event."""
    return EventOut(**_fields(event))


def answer_out(event: Event, *, replayed: bool) -> AnswerOut:
    """The public form of a posted frame's event."""
    return AnswerOut(**_fields(event), replayed=replayed)


def _fields(event: Event) -> dict[str, Any]:
    skew = event.captured_at - event.received_at
    return {
        "id": event.id,
        "frame_id": event.frame_id,
        "camera_id": event.camera_id,
        "captured_at": event.captured_at,
        "received_at": event.received_at,
        "trigger": event.trigger,
        "verdict": event.verdict,
        "release": event.release,
        "faces": [_face_out(face, event.names) for face in event.faces],
        "clock_skew_seconds": skew.total_seconds() if skew > SKEW_ALLOWED else None,
        "clock_offset_seconds": event.clock_offset_seconds,
        "trace_id": event.trace_id,
    }


def _face_out(face: Identity, names: dict[str, str]) -> FaceOut:
    name = names.get(face.person_id) if face.person_id is not None else None
    return FaceOut(
        box=BoxOut(
            x=round(face.box.x, 1),
            y=round(face.box.y, 1),
            width=round(face.box.width, 1),
            height=round(face.box.height, 1),
        ),
        detection_score=round(face.detection_score, 4),
        quality=round(face.quality, 4),
        standing=face.standing,
        person=PersonOut(id=face.person_id, name=name) if face.person_id is not None and name is not None else None,
        distance=None if face.distance is None else round(face.distance, 4),
        margin=None if face.margin is None else round(face.margin, 4),
    )
