"""Whether a camera sees anything: black and frozen pictures. Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cv2.typing import MatLike

BLACK_MEAN, BLACK_SPREAD = 8.0, 4.0
"""Grey levels of 255. A covered lens shows the sensor's dark level, 0 to 5, with noise of 1 to 3; a street at night
has lamps, which spread."""
BLACK_AFTER_S = 2.0
SAME_WITHIN = 0.05
"""Mean difference in grey levels. The noise of a sensor makes half a level at least between any two pictures; what
an encoder makes of one and the same picture again and again stays under it."""
_EVERY = 8

Sight = Literal["well", "black", "frozen"]


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """What is known after a picture; times are of the monotonic clock.

    `still` is the first of a run of equal pictures, seen at `still_since_s`; `dark_since_s` when it became dark.
    """

    still: MatLike = field(repr=False)
    still_since_s: float
    dark_since_s: float | None
    sight: Sight = "well"


def sample_of(pixels: MatLike) -> MatLike:
    """Return every eighth pixel of every eighth row. Averaging would remove the noise that tells a live picture."""
    return pixels[::_EVERY, ::_EVERY].copy()


def condition_after(
    before: Condition | None, sample: MatLike, at_s: float, frozen_after_s: float | None = None
) -> Condition:
    """Return the condition with one more picture.

    Black for 2 s is black, whether it is frozen or not: nobody can tell the two apart. `frozen_after_s` seconds of
    the same picture are frozen; None for sources that may stand still, such as a video.
    """
    same = before is not None and _same(before.still, sample)
    still, still_since_s = (before.still, before.still_since_s) if before and same else (sample, at_s)
    dark_since_s = None
    if _dark(sample):
        dark_since_s = before.dark_since_s if before and before.dark_since_s is not None else at_s
    sight: Sight = "well"
    if dark_since_s is not None and at_s - dark_since_s >= BLACK_AFTER_S:
        sight = "black"
    elif frozen_after_s is not None and at_s - still_since_s >= frozen_after_s:
        sight = "frozen"
    return Condition(still, still_since_s, dark_since_s, sight)


def _dark(sample: MatLike) -> bool:
    return float(sample.mean()) <= BLACK_MEAN and float(sample.std()) <= BLACK_SPREAD


def _same(one: MatLike, other: MatLike) -> bool:
    if one.shape != other.shape:
        return False
    import numpy as np

    # The difference of bytes wraps around below zero, that of the greater and the smaller one cannot.
    return float((np.maximum(one, other) - np.minimum(one, other)).mean()) <= SAME_WITHIN
