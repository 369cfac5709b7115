"""What goes first when not everything can be kept.

1. What is older than `max_age_s` goes first, whatever it is.
2. When the spool or the disk is full, the oldest frame without a face goes, unless a button took it;
3. then the oldest frame of a button without a face;
4. then the oldest in which nobody has looked for a face;
5. and the oldest with a face last.

Nothing goes for a newcomer of a lower rank: then the newcomer is not taken, and its trigger learns that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, takewhile

from edge.spool.entry import Entry

RANKS = 4


def rank(face: bool | None, trigger: str) -> int:
    """Return how much a frame is worth, from 0, which goes first, to 3."""
    if face is None:
        return 2
    return 3 if face else int(trigger == "button")


def victims(queues: Sequence[Iterable[Entry]], newcomer: int, frames: int, size: int) -> list[Entry] | None:
    """Return what goes so that at least so many frames and bytes are gone; None where the newcomer's rank forbids it.

    `queues` holds what waits by rank, each in order of arrival.
    """
    chosen = []
    for entry in chain.from_iterable(queues[: newcomer + 1]):
        if frames <= 0 and size <= 0:
            break
        chosen.append(entry)
        frames -= 1
        size -= entry.size
    return chosen if frames <= 0 and size <= 0 else None


def expired(waiting: Iterable[Entry], age_s: Callable[[Entry], float], max_age_s: float | None) -> list[Entry]:
    """Return what has waited longer than that, in seconds; `waiting` is in order of arrival."""
    return [] if max_age_s is None else list(takewhile(lambda entry: age_s(entry) > max_age_s, waiting))
