"""Answer a trial with an engine."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import psutil

from serve_apps.faces import Embedding, Standing, UndecodableImage, verdict_of
from serve_apps.recognition.decode import Picture
from serve_apps.recognition.engine import Engine
from serve_apps.recognition.few import Few
from serve_apps.recognition.match import Candidates, MatchRules, identify
from serve_apps.recognition.trial import Trial, TrialFrame, TrialPerson


def try_out(engine: Engine, rules: MatchRules, people: Sequence[TrialPerson], frames: Sequence[bytes]) -> Trial:
    """Enrol the people for this one time and answer the frames. Raises UndecodableImage for a frame that is none."""
    unusable: list[str] = []
    enrolled: dict[str, tuple[Standing, list[Embedding]]] = {}
    for person in people:
        rows: list[Embedding] = []
        for number, photo in enumerate(person.photos, 1):
            faces = _faces(engine, photo)
            if len(faces) == 1:
                rows += faces
            else:
                unusable.append(f"photograph {number} of {person.name}: {len(faces)} faces are found")
        enrolled[person.name] = person.standing, rows
    candidates = Few(enrolled)
    answers = tuple(answered(engine, rules, candidates, frame) for frame in frames)
    return Trial(tuple(unusable), answers, os.getpid(), psutil.Process().memory_info().rss)


def _faces(engine: Engine, photo: bytes) -> list[Embedding]:
    try:
        return [face.embedding for face in engine.faces_of_many([Picture(photo)])[0]]
    except UndecodableImage:
        return []


def answered(engine: Engine, rules: MatchRules, candidates: Candidates, frame: bytes) -> TrialFrame:
    """One frame's answer, `who` as the candidates call them. Raises UndecodableImage."""
    begun = time.perf_counter()
    identities = identify(engine.faces_of_many([Picture(frame)])[0], candidates, rules)
    milliseconds = (time.perf_counter() - begun) * 1000
    matched = [each for each in identities if each.person_id is not None]
    return TrialFrame(
        verdict_of([each.standing for each in identities]),
        tuple(sorted(each.person_id for each in matched if each.person_id)),
        tuple(each.distance for each in matched if each.distance is not None),
        milliseconds,
    )
