"""Open-set matching: who a face is, or that it is nobody we know.

Two rules decide (`MatchRules`): the nearest person must be within `threshold`, and every other person must be
farther away by at least `margin`. A face that is near nobody, or near two, is unknown, never the nearest. So each
face has at most one person it may be, and the best assignment gives a person to the nearest of the faces that
claim them; the others are unknown rather than passed to their runner-up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from serve_apps.faces import Embedding, Face, Identity, Match, Standing


@dataclass(frozen=True, slots=True)
class MatchRules:
    """Euclidean distances between embeddings."""

    threshold: float = 0.58
    margin: float = 0.04


@dataclass(frozen=True, slots=True)
class Candidates:
    """The gallery as matching needs it: `embeddings` n x 128, `owners` n indices into `people`."""

    embeddings: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 128), np.float32))
    owners: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    people: tuple[tuple[str, Standing], ...] = ()

    def distances(self, embedding: Embedding) -> NDArray[np.float32]:
        """The distance to each person: that of their nearest embedding; infinity for a person without any."""
        nearest = np.full(len(self.people), np.inf, np.float32)
        np.minimum.at(nearest, self.owners, np.linalg.norm(self.embeddings - embedding, axis=1))
        return nearest


def nearest(embedding: Embedding, candidates: Candidates, count: int) -> list[Match]:
    """The nearest persons in order, each with the margin to the next one."""
    distances = candidates.distances(embedding)
    order = np.argsort(distances, kind="stable")
    order = order[np.isfinite(distances[order])]
    ahead = [*distances[order][1:].tolist(), math.inf]
    return [
        Match(candidates.people[index][0], float(distances[index]), ahead[rank] - float(distances[index]))
        for rank, index in enumerate(order[:count])
    ]


def accepted(match: Match | None, rules: MatchRules) -> bool:
    """Whether this nearest person is near enough, and clearly nearer than anybody else."""
    return match is not None and match.distance <= rules.threshold and match.margin >= rules.margin


def identify(faces: list[Face], candidates: Candidates, rules: MatchRules) -> list[Identity]:
    """An identity for each face, in the faces' order; nobody twice."""
    best = [next(iter(nearest(face.embedding, candidates, 1)), None) for face in faces]
    claims: dict[str, int] = {}
    for index, match in enumerate(best):
        if match is not None and accepted(match, rules):
            rival = claims.get(match.person_id)
            rival_match = best[rival] if rival is not None else None
            if rival_match is None or match.distance < rival_match.distance:
                claims[match.person_id] = index
    standings = dict(candidates.people)
    winners = {index: standings[person] for person, index in claims.items()}
    return [_identity(face, best[index], winners.get(index, Standing.UNKNOWN)) for index, face in enumerate(faces)]


def _identity(face: Face, match: Match | None, standing: Standing) -> Identity:
    return Identity(
        box=face.box,
        detection_score=face.detection_score,
        quality=face.quality,
        standing=standing,
        person_id=match.person_id if match and standing is not Standing.UNKNOWN else None,
        distance=match.distance if match else None,
        margin=match.margin if match and math.isfinite(match.margin) else None,
    )
