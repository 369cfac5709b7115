"""Open-set matching: who a face is, or that it is nobody we know.

Two rules decide (`MatchRules`): the nearest person must be within `threshold`, and every other person must be
farther away by at least `margin`. A face that is near nobody, or near two, is unknown, never the nearest. So each
face has at most one person it may be, and the best assignment gives a person to the nearest of the faces that
claim them; the others are unknown rather than passed to their runner-up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from serve_apps.faces import Embedding, Face, Identity, Match, Standing


@dataclass(frozen=True, slots=True)
class MatchRules:
    """Euclidean distances between embeddings."""

    threshold: float = 0.58
    margin: float = 0.04


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A person and the Euclidean distance of their nearest embedding."""

    person_id: str
    standing: Standing
    distance: float


class Candidates(Protocol):
    """The persons that a face may be."""

    def nearest(self, embedding: Embedding, count: int) -> list[Neighbour]:
        """The `count` nearest persons, the nearest first, equally near ones by id; fewer where there are no more."""


def nearest(embedding: Embedding, candidates: Candidates, count: int) -> list[Match]:
    """The nearest persons in order, each with the margin to the next one."""
    return [match for _, match in _matches(embedding, candidates, count)]


def _matches(embedding: Embedding, candidates: Candidates, count: int) -> list[tuple[Standing, Match]]:
    found = candidates.nearest(embedding, count + 1)
    ahead = [*(neighbour.distance for neighbour in found[1:]), math.inf]
    return [
        (neighbour.standing, Match(neighbour.person_id, neighbour.distance, further - neighbour.distance))
        for neighbour, further in zip(found[:count], ahead, strict=False)
    ]


def accepted(match: Match | None, rules: MatchRules) -> bool:
    """Whether this nearest person is near enough, and clearly nearer than anybody else."""
    return match is not None and match.distance <= rules.threshold and match.margin >= rules.margin


def identify(faces: list[Face], candidates: Candidates, rules: MatchRules) -> list[Identity]:
    """An identity for each face, in the faces' order; nobody twice."""
    best = [next(iter(_matches(face.embedding, candidates, 1)), None) for face in faces]
    claims: dict[str, tuple[int, float]] = {}
    for index, near in enumerate(best):
        if near is not None and accepted(near[1], rules):
            person, distance = near[1].person_id, near[1].distance
            if person not in claims or distance < claims[person][1]:
                claims[person] = (index, distance)
    winners = {index for index, _ in claims.values()}
    return [
        _identity(face, near[1] if near else None, near[0] if near and index in winners else Standing.UNKNOWN)
        for index, (face, near) in enumerate(zip(faces, best, strict=True))
    ]


SURE, FAIRLY_SURE = 0.3, 0.1
"""Shares of the threshold."""


def sureness(identity: Identity, rules: MatchRules) -> str:
    """How far from another answer it is: high, medium or low; none where nobody is enrolled.

    What a match has left, in shares of the threshold t: the smaller of (t - distance) / t and, where somebody else is
    enrolled, (margin - least margin) / t. What an unknown face is beyond: (distance - t) / t. From 0.3 on it is high,
    from 0.1 on medium; a face within t that is nobody's, since it is near two, is low.
    """
    if identity.distance is None:
        return "none"
    left = (rules.threshold - identity.distance) / rules.threshold
    if identity.standing is Standing.UNKNOWN:
        left = -left
    elif identity.margin is not None:
        left = min(left, (identity.margin - rules.margin) / rules.threshold)
    return "high" if left >= SURE else "medium" if left >= FAIRLY_SURE else "low"


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
