"""Who is enrolled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from serve_apps.faces import Embedding, Standing


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody enrolled; `standing` is known or blacklisted."""

    id: str
    name: str
    standing: Standing
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EnrolledFace:
    """One photograph's face of a person."""

    id: str
    person_id: str
    person_name: str
    quality: float
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face that was judged fit for the gallery; `crop` is a JPEG of the face with its surroundings."""

    photo_sha256: str
    quality: float
    embedding: Embedding
    space: str
    crop: bytes


@dataclass(frozen=True, slots=True)
class Member:
    """A person as the index holds them: n x 128 embeddings."""

    person_id: str
    standing: Standing
    embeddings: NDArray[np.float32]
