"""The values that flow through the application: frame, faces, identities.

Everything here is frozen and free of I/O; beside the standard library's only numpy and a stage's timing are imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cluster.monitoring.journey import Stage

Image: TypeAlias = NDArray[np.uint8]
"""Height x width x 3, blue-green-red, upright."""

Embedding: TypeAlias = NDArray[np.float32]
"""128 numbers; only comparable inside one embedding space."""


class UndecodableImage(Exception):
    """The bytes are no image that can be decoded."""


class Trigger(StrEnum):
    """What made the edge take the frame."""

    BUTTON = "button"
    MOTION = "motion"
    TIMER = "timer"
    MANUAL = "manual"


class Standing(StrEnum):
    """What a person (known, blacklisted) or an unmatched face (unknown) is to the household."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    BLACKLISTED = "blacklisted"


class Verdict(StrEnum):
    """The gravest standing in a frame."""

    NO_FACE = "no_face"
    KNOWN = "known"
    UNKNOWN = "unknown"
    BLACKLISTED = "blacklisted"


@dataclass(frozen=True, slots=True)
class Frame:
    """One image from a door; `frame_id` is also its idempotency key.

    `captured_at` has `clock_offset_seconds` in it already: what the edge knew its own clock to be behind the cluster's.
    """

    frame_id: str
    camera_id: str
    captured_at: datetime
    received_at: datetime
    trigger: Trigger
    image: bytes
    clock_offset_seconds: float | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of the upright, full-resolution frame."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Detection:
    """A face that was found, before it is told whose it is.

    `landmarks` is 5 x 2 float32: right eye, left eye, nose tip, right and left corner of the mouth.
    """

    box: Box
    landmarks: NDArray[np.float32]
    score: float


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face with its embedding; `quality` is 0 (useless) to 1 (large and sharp)."""

    box: Box
    detection_score: float
    quality: float
    sharpness: float
    embedding: Embedding


@dataclass(frozen=True, slots=True)
class Match:
    """A person at a distance, and how much farther the nearest other person is (infinity: nobody else)."""

    person_id: str
    distance: float
    margin: float


@dataclass(frozen=True, slots=True)
class Identity:
    """A face with what matching said: `person_id` is None for an unknown face.

    `distance` and `margin` are those of the nearest person, matched or not; None when the gallery is empty.
    """

    box: Box
    detection_score: float
    quality: float
    standing: Standing
    person_id: str | None
    distance: float | None
    margin: float | None


@dataclass(frozen=True, slots=True)
class Examined:
    """A face in a photograph, its nearest persons, and a JPEG of it with its surroundings."""

    face: Face
    nearest: tuple[Match, ...]
    crop: bytes


@dataclass(frozen=True, slots=True)
class Examination:
    """What a recognizer says of one photograph, and by whose rules.

    `space` is the embedding space of the faces; `threshold` and `margin` are the release's (see recognition/match.py).
    """

    faces: tuple[Examined, ...]
    release: str
    space: str
    threshold: float
    margin: float


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a recognizer says of one frame, and the release that said it.

    `recognize_ms` are the milliseconds from asking to this answer, all tries; the gateway adds them. `sureness` has a
    word for each identity (`match.sureness`); `stages` are those of the replica that answered.
    """

    identities: tuple[Identity, ...]
    release: str
    recognize_ms: float | None = None
    sureness: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    replica: str | None = None


_GRAVITY = {Standing.KNOWN: 1, Standing.UNKNOWN: 2, Standing.BLACKLISTED: 3}


def verdict_of(standings: list[Standing]) -> Verdict:
    """Blacklisted outranks unknown outranks known; no face at all is `no_face`."""
    if not standings:
        return Verdict.NO_FACE
    return Verdict(max(standings, key=_GRAVITY.__getitem__).value)
