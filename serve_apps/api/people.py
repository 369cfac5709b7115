"""People and recognition in CompreFace's dialect, so that its clients work unchanged.

A subject's `standing` is ours: known or blacklisted.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field

from cluster.security.api_keys import Scope
from serve_apps.api.auth import gallery_of, needs
from serve_apps.api.bodies import PHOTO_BODY, json_body, json_schema, read_photo
from serve_apps.api.enrolment import Enrolment, enrol
from serve_apps.api.frames import problems
from serve_apps.api.parts import off_loop, parts_of
from serve_apps.faces import Standing
from serve_apps.gallery.person import EnrolledFace, Person

T = TypeVar("T")

NAME = r"^[^\x00-\x1f\x7f]{1,100}$"


def _no_dots(name: str | None) -> str | None:
    if name is not None and {".", ".."} & set(name.split("/")):
        # A client folds them away, and DELETE /subjects/. would be DELETE /subjects: everybody.
        raise ValueError("a name may not be or contain the path segments . and ..")
    return name


NoDots = AfterValidator(_no_dots)
Name = Annotated[str, Path(pattern=NAME), NoDots]
EnrolledStanding = Literal[Standing.KNOWN, Standing.BLACKLISTED]

router = APIRouter(prefix="/api/v1/recognition", tags=["people"], dependencies=[Depends(needs(Scope.PEOPLE))])


class SubjectIn(BaseModel):
    """A subject's name and standing."""

    subject: Annotated[str, Field(pattern=NAME), NoDots]
    standing: EnrolledStanding | None = None


class ImageIds(BaseModel):
    """Faces to forget."""

    ids: Annotated[list[str], Field(max_length=1000)]


Subject = Annotated[SubjectIn, Depends(json_body(SubjectIn))]
Chosen = Annotated[ImageIds, Depends(json_body(ImageIds))]


@router.get("/subjects", responses=problems())
async def list_subjects(request: Request) -> dict[str, list[str]]:
    """Every subject's name."""
    parts = parts_of(request)
    return {"subjects": [person.name for person in await off_loop(parts, parts.gallery.people)]}


@router.get("/people", responses=problems())
async def list_people(request: Request) -> dict[str, list[dict[str, str]]]:
    """Every person with id and standing."""
    parts = parts_of(request)
    people = await off_loop(parts, parts.gallery.people)
    return {"people": [{"id": p.id, "name": p.name, "standing": p.standing} for p in people]}


@router.post("/subjects", status_code=201, openapi_extra=json_schema(SubjectIn), responses=problems(408, 409, 413))
async def add_subject(request: Request, subject: Subject) -> dict[str, str]:
    """A new subject without a face."""
    parts = parts_of(request)
    standing = subject.standing or Standing.KNOWN
    person = await off_loop(parts, gallery_of(request).add_person, subject.subject, standing, parts.clock())
    return {"subject": person.name}


@router.put("/subjects/{subject:path}", openapi_extra=json_schema(SubjectIn), responses=problems(404, 408, 409, 413))
async def change_subject(request: Request, subject: Name, change: Subject) -> dict[str, bool]:
    """Rename a subject, or change its standing."""
    parts = parts_of(request)
    await off_loop(parts, gallery_of(request).change_person, subject, change.subject, change.standing)
    return {"updated": True}


@router.delete("/subjects", responses=problems())
async def remove_all_subjects(request: Request) -> dict[str, int]:
    """Erase everybody."""
    parts = parts_of(request)
    people = await off_loop(parts, parts.gallery.people)
    await off_loop(parts, _erase, request, people)
    return {"deleted": len(people)}


@router.delete("/subjects/{subject:path}", responses=problems(404))
async def remove_subject(request: Request, subject: Name) -> dict[str, str]:
    """Erase a subject with all faces."""
    parts = parts_of(request)
    person = await off_loop(parts, parts.gallery.person, subject)
    await off_loop(parts, _erase, request, [person])
    return {"subject": person.name}


@router.get("/faces", responses=problems())
async def list_faces(
    request: Request,
    subject: Annotated[str | None, Query(pattern=NAME), NoDots] = None,
    page: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    size: Annotated[int, Query(ge=1, le=1000)] = 20,
) -> dict[str, Any]:
    """Enrolled faces, a page at a time."""
    parts = parts_of(request)
    faces = await off_loop(parts, parts.gallery.faces, subject)
    return {
        "faces": [_face(face) for face in faces[page * size : (page + 1) * size]],
        "page_number": page,
        "page_size": size,
        "total_pages": math.ceil(len(faces) / size),
        "total_elements": len(faces),
    }


@router.post("/faces", status_code=201, openapi_extra=PHOTO_BODY, responses=problems(400, 408, 409, 413, 415, 429))
async def add_face(
    request: Request,
    subject: Annotated[str, Query(pattern=NAME), NoDots],
    standing: EnrolledStanding | None = None,
    similar: Annotated[bool, Query(description="Accept a face that looks like somebody else's.")] = False,
    det_prob_threshold: Annotated[float, Query(ge=0, le=1)] = 0.0,
) -> dict[str, str]:
    """Enrol a photograph with exactly one face; the subject is made when it is new."""
    parts = parts_of(request)
    with parts.waiting.place():
        photo = await read_photo(request, parts)
        wish = Enrolment(subject, standing, similar, det_prob_threshold)
        face_id = await enrol(photo, wish, parts, gallery_of(request))
    return {"image_id": face_id, "subject": subject}


@router.delete("/faces", responses=problems(404))
async def remove_faces(request: Request, subject: Annotated[str, Query(pattern=NAME), NoDots]) -> dict[str, int]:
    """Forget all faces of a subject; the subject stays."""
    parts = parts_of(request)
    await off_loop(parts, parts.gallery.person, subject)
    faces = await off_loop(parts, parts.gallery.faces, subject)
    await off_loop(parts, gallery_of(request).remove_faces, faces)
    return {"deleted": len(faces)}


@router.post("/faces/delete", openapi_extra=json_schema(ImageIds), responses=problems(408, 413))
async def remove_chosen_faces(request: Request, chosen: Chosen) -> dict[str, list[dict[str, str]]]:
    """Forget the faces of these ids; unknown ids are passed over."""
    parts = parts_of(request)
    faces = [face for face in await off_loop(parts, parts.gallery.faces) if face.id in set(chosen.ids)]
    await off_loop(parts, gallery_of(request).remove_faces, faces)
    return {"faces": [_face(face) for face in faces]}


@router.delete("/faces/{image_id}", responses=problems(404))
async def remove_face(request: Request, image_id: str) -> dict[str, str]:
    """Forget one face."""
    parts = parts_of(request)
    face = await off_loop(parts, parts.gallery.face, image_id)
    await off_loop(parts, gallery_of(request).remove_faces, [face])
    return _face(face)


@router.get(
    "/faces/{image_id}/img",
    responses=problems(404) | {200: {"content": {"image/jpeg": {}}, "description": "The face as it is kept"}},
    response_class=Response,
)
async def face_image(request: Request, image_id: str) -> Response:
    """The enrolled face with its surroundings, as a JPEG without metadata."""
    parts = parts_of(request)
    face = await off_loop(parts, parts.gallery.face, image_id)
    crop = await off_loop(parts, parts.gallery.crop, face)
    return Response(crop, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _erase(request: Request, people: list[Person]) -> None:
    """Recent frames go too, all of them: whoever is erased may be in any, recognized or not."""
    gallery_of(request).remove_people(people)
    if people:
        parts_of(request).recent.clear()


def _face(face: EnrolledFace) -> dict[str, str]:
    return {"image_id": face.id, "subject": face.person_name}
