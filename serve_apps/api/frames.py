"""`POST /api/v1/frames`: where the edge's frames come in."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import AfterValidator, AwareDatetime
from starlette.background import BackgroundTask

from cluster.monitoring.journey import current, ended
from cluster.security.api_keys import Scope
from serve_apps.api.admission import admit_image, read_body
from serve_apps.api.auth import needs
from serve_apps.api.parts import parts_of
from serve_apps.api.problems import Problem
from serve_apps.api.schemas import AnswerOut, ProblemOut, answer_out
from serve_apps.api.trace import trace_of
from serve_apps.events.event import Event
from serve_apps.faces import Frame, Trigger
from serve_apps.pipeline import answer

CAMERA_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
FRAME_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"

MOST_OFFSET_SECONDS = 100 * 366 * 86_400.0
"""A box without a battery for its clock may start in 1970, and its frames are good all the same."""

IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("image/jpeg", "image/png", "image/webp")
        },
    }
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation documents; every one with a key may answer 400, 401, 403, 422 and 503."""
    content = {"application/problem+json": {"schema": ProblemOut.model_json_schema()}}
    return {status: {"content": content} for status in (400, 401, 403, 422, 503, *statuses)}


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999") from None


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_in_utc)]

router = APIRouter(prefix="/api/v1", tags=["frames"])


@router.post(
    "/frames",
    response_model=AnswerOut,
    openapi_extra=IMAGE_BODY,
    responses=problems(408, 409, 413, 415, 429),
    dependencies=[Depends(needs(Scope.FRAMES))],
)
async def post_frame(
    request: Request,
    x_camera_id: Annotated[str, Header(pattern=CAMERA_ID, description="Which door.")],
    idempotency_key: Annotated[
        str | None, Header(pattern=FRAME_ID, description="The frame's id, made at the edge; made here when absent.")
    ] = None,
    x_captured_at: Annotated[
        UtcDatetime | None, Header(description="RFC 3339; the time of receipt when absent.")
    ] = None,
    x_clock_offset: Annotated[
        float | None,
        Header(
            ge=-MOST_OFFSET_SECONDS,
            le=MOST_OFFSET_SECONDS,
            allow_inf_nan=False,
            description="Seconds to be added to X-Captured-At: the cluster's clock minus the edge's at that moment.",
        ),
    ] = None,
    x_trigger: Annotated[Trigger, Header()] = Trigger.MANUAL,
    traceparent: Annotated[
        str | None, Header(description="W3C Trace Context; the trace id stays with the event. Ignored when invalid.")
    ] = None,
) -> Response:
    """Recognize who is in a frame. 200 means the event is on disk; the same frame id again gives the same event."""
    parts = parts_of(request)
    received_at = parts.clock()
    with parts.waiting.place(lambda: parts.load.note(x_camera_id, refused=True)):
        image = await read_body(request, parts.limits)
        admit_image(image, parts.limits)
        parts.load.note(x_camera_id)
        ended("admit")
        frame_id = idempotency_key or str(uuid.uuid4())
        offset = x_clock_offset if x_captured_at is not None else None
        captured_at = _captured_at(x_captured_at or received_at, offset)
        trace = None if traceparent is None else trace_of(request)
        frame = Frame(frame_id, x_camera_id, captured_at, received_at, x_trigger, image, offset, trace)
        _begins(frame)
        event, replayed = await answer(frame, parts.pipeline)
    _ends(event, replayed)
    kept = BackgroundTask(parts.sampling.take, image, event) if not replayed and parts.sampling.due() else None
    return _response(event, replayed, kept)


def _begins(frame: Frame) -> None:
    """Say of this request's journey which frame it is."""
    if (journey := current.get()) is not None:
        journey.frame_id, journey.camera_id, journey.trigger = frame.frame_id, frame.camera_id, frame.trigger.value
        journey.captured_at = frame.captured_at.timestamp()


def _ends(event: Event, replayed: bool) -> None:
    if (journey := current.get()) is not None:
        journey.verdict, journey.release = event.verdict.value, event.release
        journey.status = "replayed" if replayed else "recorded"


def _response(event: Event, replayed: bool, afterwards: BackgroundTask | None) -> Response:
    headers = {"Idempotent-Replayed": "true"} if replayed else None
    # Serialised once: FastAPI would validate the answer again first.
    return Response(
        answer_out(event, replayed=replayed).model_dump_json(),
        media_type="application/json",
        headers=headers,
        background=afterwards,
    )


def _captured_at(said: datetime, offset_seconds: float | None) -> datetime:
    """The capture time by the cluster's clock. Raises Problem 422."""
    if offset_seconds is None:
        return said
    try:
        return said + timedelta(seconds=offset_seconds)
    except OverflowError:
        raise Problem(422, "invalid-request", "header.x-clock-offset: leads out of the years 1 to 9999") from None
