"""Recent frames through a recognizer that need not have any traffic, and one of them as it is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from cluster.security.api_keys import Scope
from serve_apps.api.auth import needs
from serve_apps.api.bodies import json_body, json_schema
from serve_apps.api.frames import problems
from serve_apps.api.parts import Parts, off_loop, parts_of
from serve_apps.api.problems import Problem
from serve_apps.api.trials import APPLICATION
from serve_apps.database import reading
from serve_apps.events.recent import RecentFrame
from serve_apps.faces import Verdict
from serve_apps.gallery.store import people_by_id
from serve_apps.recognition.trial import TrialFrame

MOST_SEQ = 2**62
EVENT_ID = r"^[0-9a-f-]{36}$"

router = APIRouter(prefix="/api/v1/releases", tags=["releases"], dependencies=[Depends(needs(Scope.ADMIN))])


class ReplayIn(BaseModel):
    """The newest `frames` of those kept before the number `before`; the newest of all without it."""

    model_config = ConfigDict(extra="forbid")

    frames: Annotated[int, Field(ge=1, le=32)] = 16
    before: Annotated[int | None, Field(ge=0, le=MOST_SEQ)] = None


class ReplayFrameOut(BaseModel):
    """What is said of one frame now; `number` grows with each frame that is kept."""

    number: int
    event_id: str
    camera_id: str
    captured_at: datetime
    verdict: Verdict
    who: list[str]
    distances: list[float]
    milliseconds: float


class ReplayOut(BaseModel):
    """The newest frame first; `before` is what to ask for next, null when there are no more."""

    frames: list[ReplayFrameOut]
    before: int | None


@router.post("/{application}/replay", openapi_extra=json_schema(ReplayIn), responses=problems(408, 413, 429))
async def replay(
    request: Request,
    application: Annotated[str, Path(pattern=APPLICATION)],
    wanted: Annotated[ReplayIn, Depends(json_body(ReplayIn))],
) -> ReplayOut:
    """What the recognizer says now of frames that came lately, with everybody who is enrolled; no event is made."""
    parts = parts_of(request)
    with parts.waiting.place():
        frames, version = await off_loop(parts, _kept, parts, wanted)
        # One after the other: between two of them the recognizer answers the frames that wait.
        answers = [await parts.replay(application, frame.image, version) for frame in frames]
        names = await off_loop(parts, _names, parts, {person for answer in answers for person in answer.who})
    before = frames[-1].seq if len(frames) == wanted.frames else None
    pairs = zip(frames, answers, strict=True)
    return ReplayOut(frames=[_out(frame, answer, names) for frame, answer in pairs], before=before)


@router.get(
    "/recent-frames/{event_id}/img",
    responses=problems(404) | {200: {"content": {"image/jpeg": {}}, "description": "The frame as it is kept"}},
    response_class=Response,
)
async def recent_frame(request: Request, event_id: Annotated[str, Path(pattern=EVENT_ID)]) -> Response:
    """A recent frame, as a JPEG without metadata."""
    parts = parts_of(request)
    frame = await off_loop(parts, parts.recent.frame, event_id)
    if frame is None:
        raise Problem(404, "frame-not-kept", "no frame of this event is kept")
    return Response(frame.image, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _kept(parts: Parts, wanted: ReplayIn) -> tuple[list[RecentFrame], int]:
    return parts.recent.newest(wanted.frames, wanted.before), parts.gallery.version()


def _names(parts: Parts, person_ids: set[str]) -> dict[str, str]:
    with reading(parts.gallery.database) as connection:
        return {person.id: person.name for person in people_by_id(connection, person_ids).values()}


def _out(frame: RecentFrame, answer: TrialFrame, names: dict[str, str]) -> ReplayFrameOut:
    return ReplayFrameOut(
        number=frame.seq,
        event_id=frame.event_id,
        camera_id=frame.camera_id,
        captured_at=frame.captured_at,
        verdict=answer.verdict,
        who=sorted(names[person_id] for person_id in answer.who if person_id in names),
        distances=list(answer.distances),
        milliseconds=answer.milliseconds,
    )
