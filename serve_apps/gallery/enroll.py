"""Whether a photograph may be enrolled for a person, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from serve_apps.faces import Examined


class Reason(StrEnum):
    """Why a photograph is refused."""

    NO_FACE = "no-face"
    SEVERAL_FACES = "several-faces"
    TOO_SMALL = "face-too-small"
    TOO_BLURRED = "face-too-blurred"
    SOMEBODY_ELSE = "already-enrolled-as-somebody-else"
    SAME_PHOTO = "photo-already-enrolled"


class PhotoRefused(Exception):
    """A photograph that is not fit for the gallery."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class EnrolLimits:
    """`least_side` in pixels of the face's shorter side; `least_sharpness` as in quality.sharpness.

    Measured on the sample photographs: at these limits an embedding is within 0.2 of the full-size, sharp one;
    halving either brings it to 0.4, where strangers begin.
    """

    least_side: float = 40.0
    least_sharpness: float = 15.0


def judge(
    found: list[Examined],
    person_id: str | None,
    threshold: float,
    limits: EnrolLimits = EnrolLimits(),
    *,
    similar_allowed: bool = False,
) -> Examined:
    """The one face that may be enrolled for this person (None: somebody new). Raises PhotoRefused.

    `similar_allowed` lets a face in that looks like somebody else's: siblings, or a person enrolled twice on purpose.
    """
    if not found:
        raise PhotoRefused(Reason.NO_FACE, "no face is found in this photograph")
    if len(found) > 1:
        raise PhotoRefused(
            Reason.SEVERAL_FACES, f"{len(found)} faces are in this photograph; give one with a single face"
        )
    examined = found[0]
    box, sharpness = examined.face.box, examined.face.sharpness
    side = min(box.width, box.height)
    if side < limits.least_side:
        raise PhotoRefused(Reason.TOO_SMALL, f"the face is {side:.0f} pixels wide; {limits.least_side:.0f} are needed")
    if sharpness < limits.least_sharpness:
        detail = f"the face is too blurred (sharpness {sharpness:.1f}, {limits.least_sharpness:.0f} is needed)"
        raise PhotoRefused(Reason.TOO_BLURRED, detail)
    closest = next(iter(examined.nearest), None)
    is_other = closest is not None and closest.person_id != person_id and closest.distance <= threshold
    if closest and is_other and not similar_allowed:
        detail = f"this face is already enrolled as somebody else (distance {closest.distance:.2f})"
        raise PhotoRefused(Reason.SOMEBODY_ELSE, detail)
    return examined
