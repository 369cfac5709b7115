"""What the releases were seen to do: what a canary is judged by."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from cluster.security.api_keys import Scope
from serve_apps.api.auth import needs
from serve_apps.api.frames import problems
from serve_apps.api.parts import off_loop, parts_of
from serve_apps.events.bins import binned
from serve_apps.events.observations import observed

MOST_VALUES = 5_000
MOST_EVENTS = 20_000
MOST_SEQ = 10**18 - 1

router = APIRouter(prefix="/api/v1/releases", tags=["releases"], dependencies=[Depends(needs(Scope.ADMIN))])


class SeenOut(BaseModel):
    """Of one release. `recognize_ms` and the matched faces' `distances` are the newest ones, newest first."""

    release: str
    requests: int
    faces: int
    unknown_faces: int
    no_face: int
    recognize_ms: list[float]
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


@router.get("/observations", responses=problems())
async def observations(
    request: Request,
    since_seq: Annotated[int, Query(ge=0, le=MOST_SEQ, description="`last_seq` of an earlier answer.")] = 0,
    since_failure: Annotated[int, Query(ge=0, le=MOST_SEQ, description="`last_failure` of an earlier answer.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_VALUES, description="Most values in each list.")] = MOST_VALUES,
) -> ObservationsOut:
    """What each release did since, and which applications failed."""
    parts = parts_of(request)
    found = await off_loop(parts, partial(observed, parts.pipeline.engine, since_seq, since_failure, limit))
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
