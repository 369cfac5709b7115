"""A release on trial: golden frames through a recognizer that need not have any traffic."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from cluster.security.api_keys import Scope
from serve_apps.api.admission import admit_image
from serve_apps.api.auth import needs
from serve_apps.api.bodies import json_body, json_schema
from serve_apps.api.frames import problems
from serve_apps.api.parts import parts_of
from serve_apps.faces import Standing, Verdict
from serve_apps.recognition.trial import Trial, TrialPerson

APPLICATION = r"^recognizer-[a-z]{1,16}$"

router = APIRouter(prefix="/api/v1/releases", tags=["releases"], dependencies=[Depends(needs(Scope.ADMIN))])


class PersonIn(BaseModel):
    """Somebody who is enrolled for this one trial."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    standing: Standing
    photos: Annotated[list[Base64Bytes], Field(min_length=1, max_length=10)]


class TrialIn(BaseModel):
    """Images are JPEG, PNG or WebP in base64."""

    model_config = ConfigDict(extra="forbid")

    people: Annotated[list[PersonIn], Field(max_length=50)]
    frames: Annotated[list[Base64Bytes], Field(min_length=1, max_length=32)]


class TrialFrameOut(BaseModel):
    """One frame's answer."""

    verdict: Verdict
    who: list[str]
    distances: list[float]
    milliseconds: float


class TrialOut(BaseModel):
    """`unusable` names each photograph without exactly one face."""

    unusable: list[str]
    frames: list[TrialFrameOut]
    pid: int
    resident_bytes: int


@router.post("/{application}/trial", openapi_extra=json_schema(TrialIn), responses=problems(404, 408, 413, 415, 429))
async def trial(
    request: Request,
    application: Annotated[str, Path(pattern=APPLICATION)],
    wanted: Annotated[TrialIn, Depends(json_body(TrialIn))],
) -> TrialOut:
    """What the recognizer says of these frames, with these people only; no event is made and nobody is told."""
    parts = parts_of(request)
    people = [TrialPerson(person.name, person.standing, tuple(person.photos)) for person in wanted.people]
    for image in [photo for person in people for photo in person.photos] + wanted.frames:
        admit_image(image, parts.limits)
    with parts.waiting.place():
        found: Trial = await parts.trial(application, people, wanted.frames)
    frames = [
        TrialFrameOut(
            verdict=each.verdict, who=list(each.who), distances=list(each.distances), milliseconds=each.milliseconds
        )
        for each in found.frames
    ]
    return TrialOut(unusable=list(found.unusable), frames=frames, pid=found.pid, resident_bytes=found.resident_bytes)
