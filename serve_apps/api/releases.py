"""What the releases were seen to do: what a canary is judged by."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from cluster.security.api_keys import Scope
from serve_apps.api.admission import admit_image, read_body
from serve_apps.api.auth import needs
from serve_apps.api.frames import IMAGE_BODY, problems
from serve_apps.api.parts import off_loop, parts_of
from serve_apps.events.bins import binned
from serve_apps.events.observations import observed

MOST_VALUES = 5_000
MOST_EVENTS = 20_000
MOST_SEQ = 10**18 - 1

router = APIRouter(prefix="/api/v1/releases", tags=["releases"], dependencies=[Depends(needs(Scope.ADMIN))])


class SeenOut(BaseModel):
    """Of one release: all of its `requests`, and of the newest `looked_at` of them the rest.

    `recognize_ms`, the `cameras` of these, and the matched faces' `distances` have the newest first.
    """

    release: str
    requests: int
    looked_at: int
    faces: int
    unknown_faces: int
    no_face: int
    recognize_ms: list[float]
    cameras: list[str]
    distances: list[float]


class ObservationsOut(BaseModel):
    """Up to the event `last_seq` and the failed try `last_failure`: ask again behind these.

    `failed_tries` counts by application; a frame that another try answered has failed tries too.
    """

    releases: list[SeenOut]
    failed_tries: dict[str, int]
    last_seq: int
    last_failure: int


class BinOut(BaseModel):
    """Faces of one camera from `at` on, in seconds since 1970.

    `distance` is the mean of those that were matched, null without any.
    """

    release: str
    camera_id: str
    at: int
    faces: int
    unknown_faces: int
    distance: float | None


class BinsOut(BaseModel):
    """The newest first."""

    bins: list[BinOut]


class AnsweringOut(BaseModel):
    """Who answers at this address now: the release, and how many faces it found."""

    release: str
    faces: int


@router.post("/answer", openapi_extra=IMAGE_BODY, responses=problems(408, 413, 415, 429))
async def answer(request: Request) -> AnsweringOut:
    """A photograph to the release that has the traffic, or most of it; no event is made and nobody is told."""
    parts = parts_of(request)
    with parts.waiting.place():
        image = await read_body(request, parts.limits)
        admit_image(image, parts.limits)
        found = await parts.examine(image, await off_loop(parts, parts.gallery.version), 1)
    return AnsweringOut(release=found.release, faces=len(found.faces))


@router.get("/observations", responses=problems())
async def observations(
    request: Request,
    since_seq: Annotated[int, Query(ge=0, le=MOST_SEQ, description="`last_seq` of an earlier answer.")] = 0,
    since_failure: Annotated[int, Query(ge=0, le=MOST_SEQ, description="`last_failure` of an earlier answer.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_VALUES, description="Newest events to look at.")] = MOST_VALUES,
    until_seq: Annotated[int, Query(ge=0, le=MOST_SEQ, description="Events up to this number.")] = MOST_SEQ,
) -> ObservationsOut:
    """What each release did since, and which applications failed."""
    parts = parts_of(request)
    found = await off_loop(parts, partial(observed, parts.pipeline.engine, since_seq, since_failure, limit, until_seq))
    return ObservationsOut(
        releases=[SeenOut(release=release, **vars(seen)) for release, seen in sorted(found.releases.items())],
        failed_tries=found.failed_tries,
        last_seq=found.last_seq,
        last_failure=found.last_failure,
    )


@router.get("/observations/cameras", responses=problems())
async def cameras(
    request: Request,
    since_seq: Annotated[int, Query(ge=0, le=MOST_SEQ, description="Events behind this number.")] = 0,
    until_seq: Annotated[int, Query(ge=0, le=MOST_SEQ, description="And up to this one.")] = MOST_SEQ,
    events: Annotated[int, Query(ge=1, le=MOST_EVENTS, description="Only the newest so many of these.")] = MOST_EVENTS,
    seconds: Annotated[int, Query(ge=1, le=86400, description="In one bin.")] = 10,
) -> BinsOut:
    """What each release made of the faces of each camera, in bins of so many seconds of the capture time."""
    parts = parts_of(request)
    found = await off_loop(parts, partial(binned, parts.pipeline.engine, since_seq, until_seq, events, seconds))
    return BinsOut(bins=[BinOut(**asdict(each)) for each in found])
