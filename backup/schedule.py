"""When something is to be done again. Pure; all times are seconds.

Ages are counted on a clock that only runs forward: a wall clock that is set back neither holds a snapshot up nor lets
one follow upon the other.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_PAUSE = 60.0
"""However often something has failed, it is tried again after so long: what is missing grows, and a try is cheap."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """What was done last is never to be older than `every`. After a failure it is tried `again` so much later."""

    every: float
    again: float


def age_at_start(last: float | None, now: float) -> float | None:
    """How old is what was done at `last`, by wall clocks; what comes from the future counts as new."""
    return None if last is None else max(0.0, now - last)


def due_in(cadence: Cadence, age: float | None, took: float = 0.0) -> float:
    """How long to wait. `age` of what was done last, None when nothing was; `took`: what doing it takes as a rule.

    It begins so early that it ends in time, but leaves half of the time to others.
    """
    if age is None:
        return 0.0
    return max(0.0, cadence.every - min(took, cadence.every / 2) - age)


def pause_after(cadence: Cadence, failures: int) -> float:
    """How long to leave it after so many failures in a row: twice as long each time, up to LONGEST_PAUSE."""
    return min(cadence.again * 2.0 ** min(failures - 1, 30), max(LONGEST_PAUSE, cadence.again))
