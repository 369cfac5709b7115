"""The last pictures of a camera, and which of them show a moment. Pure: time is an argument.

All times are of the monotonic clock, in seconds; shots are in the order of time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cv2.typing import MatLike

MOST_SHOTS = 6
"""A picture of 1280x720 takes 2.8 MB."""
SLACK_S = 0.1
"""How much longer shots are kept than asked, since a trigger takes a moment from the press to the capture."""


@dataclass(slots=True, eq=False)
class Shot:
    """The pixels of one picture, BGR, and when it was read from the camera; `sharpness` once it was measured."""

    pixels: MatLike = field(repr=False)
    at_s: float
    sharpness: float | None = None


Shots = tuple[Shot, ...]


def kept(shots: Shots, keep_s: float) -> Shots:
    """Return what is worth its memory: at most 6 of the last `keep_s` seconds, spread over them, and the newest."""
    if not shots:
        return ()
    since_s = shots[-1].at_s - keep_s
    shots = tuple(shot for shot in shots[:-1] if shot.at_s >= since_s) + shots[-1:]
    while len(shots) > MOST_SHOTS:
        crowded = min(range(1, len(shots) - 1), key=lambda at: shots[at + 1].at_s - shots[at - 1].at_s)
        shots = shots[:crowded] + shots[crowded + 1 :]
    return shots


def around(shots: Shots, from_s: float, to_s: float, *, complete: bool) -> Shots:
    """Return the shots from `from_s` to `to_s`, or, when there are none, those behind; empty to wait for more.

    With `complete`, empty as well until the camera has gone beyond `to_s`.
    """
    if complete and (not shots or shots[-1].at_s < to_s):
        return ()
    inside = tuple(shot for shot in shots if from_s <= shot.at_s <= to_s)
    return inside or tuple(shot for shot in shots if shot.at_s > to_s)
