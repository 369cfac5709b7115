"""What the source and the restored application say of the same frames."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from cluster.cli.access import NoAnswer, detail
from cluster.cli.golden import golden_folder
from cluster.deployment.golden import GoldenSet
from cluster.deployment.kept import kept, state_file
from cluster.security.keyring import Keyring, master_key
from serve_apps.database import connect
from serve_apps.faces import UndecodableImage, verdict_of
from serve_apps.gallery.crops import crops_at
from serve_apps.gallery.store import Gallery
from serve_apps.recognition.recognizer import Recognizer
from serve_apps.recognition.registered import DEFAULT_RELEASE, fetched_release, released_engine
from serve_apps.settings import Settings

PEOPLE = 20
"""Enrolled people whose own pictures are shown beside the golden frames: those show nobody of this gallery."""

CLOSE = 1e-3
"""By how much a distance may differ: the API rounds to a ten-thousandth."""

ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict, and each matched person with the distance."""

    verdict: str
    people: Mapping[str, float]

    def like(self, other: Answer) -> bool:
        """The same people at the same distances."""
        return (
            self.verdict == other.verdict
            and self.people.keys() == other.people.keys()
            and all(abs(at - other.people[person]) < CLOSE for person, at in self.people.items())
        )


NO_PICTURE = Answer("no picture", {})
"""Of what cannot be decoded."""


def gallery_of(settings: Settings) -> Gallery:
    """As the application opens it; `serve_apps.app` would import Ray before its settings are made."""
    assert settings.master_key_file is not None
    keyring = Keyring(connect(settings.keyring_url), master_key(settings.master_key_file))
    return Gallery(connect(settings.database_url), keyring, crops_at(settings.crops_url))


def frames(settings: Settings, gallery: Gallery) -> dict[str, bytes]:
    """Golden frames, and pictures of some of those who are enrolled, by name."""
    golden = GoldenSet(golden_folder(settings))
    found = {frame.file: golden.read(frame.file) for frame in golden.golden.frames}
    faces = gallery.faces()
    step = max(1, len(faces) // PEOPLE)
    return found | {f"face {face.id}": gallery.crop(face) for face in faces[::step][:PEOPLE]}


def of_source(settings: Settings, shown: Mapping[str, bytes]) -> dict[str, Answer]:
    """By the release that has the traffic, with the source's own gallery; no cluster is asked.

    Raises ReleaseError, WeightsError, KeptStateDamaged.
    """
    gallery = gallery_of(settings)
    recognizer, version = _recognizer(settings, gallery), gallery.version()
    answers = {}
    for name, image in shown.items():
        try:
            found = recognizer.recognize(image, version).identities
        except UndecodableImage:
            answers[name] = NO_PICTURE
            continue
        people = {each.person_id: each.distance or 0.0 for each in found if each.person_id}
        answers[name] = Answer(verdict_of([each.standing for each in found]), people)
    return answers


def of_application(url: str, key: str, shown: Mapping[str, bytes]) -> Iterator[tuple[str, Answer]]:
    """Each frame posted as a door posts it. Raises NoAnswer."""
    headers = {"X-API-Key": key, "X-Camera-Id": "drill", "Content-Type": "image/jpeg"}
    with httpx.Client(base_url=url, headers=headers, timeout=ANSWER_SECONDS) as client:
        for name, image in shown.items():
            try:
                answer = client.post("/api/v1/frames", content=image, headers={"Idempotency-Key": str(uuid.uuid4())})
            except httpx.HTTPError as error:
                raise NoAnswer(f"the restored application does not answer: {error}") from error
            if answer.status_code in (httpx.codes.UNSUPPORTED_MEDIA_TYPE, httpx.codes.UNPROCESSABLE_ENTITY):
                yield name, NO_PICTURE
                continue
            if answer.status_code != httpx.codes.OK:
                raise NoAnswer(f"the restored application refused a frame: {detail(answer)}")
            yield name, _answer(answer.json())


def listed(url: str, key: str, path: str, field: str) -> list[dict[str, Any]]:
    """What the restored application lists. Raises NoAnswer."""
    try:
        answer = httpx.get(url + path, headers={"X-API-Key": key}, timeout=ANSWER_SECONDS)
        found: list[dict[str, Any]] = answer.raise_for_status().json()[field]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise NoAnswer(f"the restored application does not list {path}: {error}") from error
    return found


def unlike(restored: Mapping[str, Answer], source: Mapping[str, Answer], excused: Sequence[str]) -> Iterator[str]:
    """A line for each frame that both answered differently, but for people who are `excused`."""
    for name, answer in restored.items():
        other = source[name]
        if not answer.like(other) and not (answer.people.keys() | other.people.keys()) & set(excused):
            yield f"{name}: {answer.verdict} with {len(answer.people)} people, the source says {other.verdict}"


def _answer(event: Mapping[str, Any]) -> Answer:
    matched = [face for face in event["faces"] if face["person"]]
    return Answer(event["verdict"], {face["person"]["id"]: face["distance"] for face in matched})


def _recognizer(settings: Settings, gallery: Gallery) -> Recognizer:
    """As a replica builds it, without its thread that saves indexes."""
    from serve_apps.gallery.archive import Archive
    from serve_apps.gallery.index import GalleryIndex
    from serve_apps.gallery.reembed import Reembedding
    from serve_apps.recognition.released import rules_of

    state = kept(state_file(settings.folder))
    live = state.releases[state.live] if state else None
    release = fetched_release(settings, live.name if live else DEFAULT_RELEASE, live.digest if live else None)
    engine = released_engine(settings, release)
    archive = Archive(settings.index_folder, gallery, engine.space)
    index = GalleryIndex(gallery, engine.space, archive, Reembedding(gallery, engine).complete)
    return Recognizer(engine, index, rules_of(release), release.manifest.name)
