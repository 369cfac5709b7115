"""Visits to a door, from bins of time with faces in them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

BIN_SECONDS = 10
MOST_BINS = 3
"""In one visit: where somebody always stands, another visit begins."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The faces of one camera in BIN_SECONDS from `at` on (seconds since 1970), by one release.

    `distance` is the mean of those that were known, None without any.
    """

    release: str
    camera_id: str
    at: int
    faces: int
    unknown_faces: int
    distance: float | None


def visits(bins: Sequence[Bin]) -> list[Bin]:
    """Neighbouring bins of one release at one camera as one, which has the time of the first."""
    found: list[Bin] = []
    length = 0
    for each in sorted(bins, key=lambda each: (each.release, each.camera_id, each.at)):
        last = found[-1] if found else None
        if last and _one_visit(last, each, length):
            found[-1], length = _together(last, each), length + 1
        else:
            found.append(each)
            length = 1
    return found


def _one_visit(visit: Bin, following: Bin, length: int) -> bool:
    same = (visit.release, visit.camera_id) == (following.release, following.camera_id)
    return same and length < MOST_BINS and following.at == visit.at + length * BIN_SECONDS


def _together(one: Bin, other: Bin) -> Bin:
    faces, unknown = one.faces + other.faces, one.unknown_faces + other.unknown_faces
    sums = [(each.distance or 0.0) * (each.faces - each.unknown_faces) for each in (one, other)]
    distance = sum(sums) / (faces - unknown) if faces > unknown else None
    return replace(one, faces=faces, unknown_faces=unknown, distance=distance)
