"""Recognition and verification in CompreFace's dialect; nothing is recorded.

Recognition is open-set: `subjects` is empty for a face that is near nobody or near two. `similarity` is a logistic
function of the distance: 0.5 at the match threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from cluster.security.api_keys import Scope
from serve_apps.api.auth import needs
from serve_apps.api.bodies import PHOTO_BODY, read_photo
from serve_apps.api.frames import problems
from serve_apps.api.parts import off_loop, parts_of
from serve_apps.faces import Examination, Examined, Match
from serve_apps.gallery.enroll import PhotoRefused, Reason
from serve_apps.gallery.person import EnrolledFace, Person
from serve_apps.recognition.match import MatchRules, accepted

STEEPNESS = 12.0
"""Of the similarity: a distance of 0.40 at a threshold of 0.58 is 0.90."""

router = APIRouter(prefix="/api/v1/recognition", tags=["recognition"], dependencies=[Depends(needs(Scope.PEOPLE))])


@router.post("/faces/{image_id}/verify", openapi_extra=PHOTO_BODY, responses=problems(404, 408, 413, 415, 429))
async def verify_face(
    request: Request,
    image_id: str,
    limit: Annotated[int, Query(ge=0, le=100)] = 0,
    det_prob_threshold: Annotated[float, Query(ge=0, le=1)] = 0.0,
) -> JSONResponse:
    """How similar each face of a photograph is to the person of an enrolled face."""
    parts = parts_of(request)
    face = await off_loop(parts, parts.gallery.face, image_id)
    examination, _ = await _examined(request, det_prob_threshold, len)
    return JSONResponse(
        {
            "result": [
                {"box": _box(each), "similarity": _similarity(_distance_to(face, each), examination.threshold)}
                for each in examination.faces[: limit or None]
            ]
        }
    )


@router.post("/recognize", openapi_extra=PHOTO_BODY, responses=problems(400, 408, 413, 415, 429))
async def recognize(
    request: Request,
    limit: Annotated[int, Query(ge=0, le=100, description="Most faces; 0 is all.")] = 0,
    prediction_count: Annotated[int, Query(ge=1, le=100)] = 1,
    det_prob_threshold: Annotated[float, Query(ge=0, le=1)] = 0.0,
) -> dict[str, Any]:
    """Who is in a photograph; nothing is recorded."""
    examination, people = await _examined(request, det_prob_threshold, lambda _: prediction_count)
    return {
        "result": [
            {"box": _box(each), "subjects": _subjects(each, people, prediction_count, examination)}
            for each in examination.faces[: limit or None]
        ]
    }


async def _examined(
    request: Request, least_score: float, count: Callable[[list[Person]], int]
) -> tuple[Examination, dict[str, Person]]:
    """The faces of the request's photograph with their nearest persons, and everybody by id. Raises PhotoRefused."""
    parts = parts_of(request)
    with parts.waiting.place():
        photo = await read_photo(request, parts)
        people, version = await off_loop(parts, lambda: (parts.gallery.people(), parts.gallery.version()))
        everything = await parts.examine(photo, version, max(1, count(people)))
    found = tuple(examined for examined in everything.faces if examined.face.detection_score >= least_score)
    if not found:
        raise PhotoRefused(Reason.NO_FACE, "No face is found in the given image")
    return replace(everything, faces=found), {person.id: person for person in people}


def _subjects(examined: Examined, people: dict[str, Person], count: int, by: Examination) -> list[dict[str, Any]]:
    known = [match for match in examined.nearest if match.person_id in people]
    if not accepted(next(iter(known), None), MatchRules(by.threshold, by.margin)):
        return []
    near = [match for match in known[:count] if match.distance <= by.threshold]
    return [
        {"subject": people[match.person_id].name, "similarity": _similarity(match.distance, by.threshold)}
        for match in near
    ]


def _distance_to(face: EnrolledFace, examined: Examined) -> float:
    found: list[Match] = [match for match in examined.nearest if match.person_id == face.person_id]
    return found[0].distance if found else math.inf


def _similarity(distance: float, threshold: float) -> float:
    return round(1 / (1 + math.exp(min(700.0, STEEPNESS * (distance - threshold)))), 5)


def _box(examined: Examined) -> dict[str, float]:
    box = examined.face.box
    return {
        "probability": round(examined.face.detection_score, 5),
        "x_min": round(box.x),
        "y_min": round(box.y),
        "x_max": round(box.x + box.width),
        "y_max": round(box.y + box.height),
    }
