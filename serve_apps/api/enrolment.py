"""Take a photograph into the gallery, or say why not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from serve_apps.api.parts import Parts, off_loop
from serve_apps.faces import Standing
from serve_apps.gallery.enroll import judge
from serve_apps.gallery.person import NewFace, Person
from serve_apps.gallery.store import Gallery, NameTaken, NobodyOfThatName

COMPARED = 2
"""Nearest persons that a new face is held against: the person itself and the nearest other one."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Who a photograph is to be enrolled as.

    `standing` None leaves a person's standing as it is, and makes a new one known; faces with a detection score under
    `least_score` do not count.
    """

    name: str
    standing: Standing | None
    similar_allowed: bool
    least_score: float


async def enrol(photo: bytes, wish: Enrolment, parts: Parts, gallery: Gallery) -> str:
    """The new face's id; the person is made when nobody has this name. `gallery` is in the sender's hands.

    Judged by the rules and kept in the space of the release that examined the photograph.
    Raises PhotoRefused, PhotoAlreadyEnrolled, UndecodableImage.
    """
    person, version = await off_loop(parts, _person_and_version, wish.name, parts)
    examination = await parts.examine(photo, version, COMPARED)
    found = [examined for examined in examination.faces if examined.face.detection_score >= wish.least_score]
    person_id = person.id if person else None
    examined = judge(found, person_id, examination.threshold, parts.enrol, similar_allowed=wish.similar_allowed)
    face = NewFace(
        photo_sha256=hashlib.sha256(photo).hexdigest(),
        quality=examined.face.quality,
        embedding=examined.face.embedding,
        space=examination.space,
        crop=examined.crop,
    )
    return await off_loop(parts, _keep, face, wish, gallery, parts.clock())


def _person_and_version(name: str, parts: Parts) -> tuple[Person | None, int]:
    try:
        return parts.gallery.person(name), parts.gallery.version()
    except NobodyOfThatName:
        return None, parts.gallery.version()


def _keep(face: NewFace, wish: Enrolment, gallery: Gallery, now: datetime) -> str:
    try:
        person = gallery.add_person(wish.name, wish.standing or Standing.KNOWN, now)
    except NameTaken:
        person = gallery.person(wish.name)
    return gallery.add_face(person, face, now, wish.standing)
