"""Which frame goes next, and when one that the gateway cannot digest is given up. Pure: time and chance are arguments.

A dead network holds back nobody in particular: nothing else would get through. This is about frames that the gateway
answers, and not as it answers a frame.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from edge.spool.entry import Entry

BEHIND_AFTER = 3
"""After so many failures of its own a frame no longer keeps the later ones of its camera waiting."""
POISON_TRIES = 20
POISON_S = 3600.0
"""Given up after so many proved failures over so long a time: an hour outlasts the restart or repair of a cluster."""
_FIRST_HOLD_S = 0.5
_LONGEST_HOLD_S = 60.0
_LONGEST_PROVED_HOLD_S = 600.0


@dataclass(frozen=True, slots=True)
class Held:
    """A frame that itself seems to be the trouble; it may be tried again at `due_s`, on the monotonic clock.

    A failure is proved when another frame was accepted since the one before: the gateway worked. Only these lead to
    giving up, or an evening behind a hotspot's sign-in page would cost every frame that waits.
    """

    failures: int
    proved: int
    first_s: float
    due_s: float
    accepted_before: int

    @property
    def is_behind(self) -> bool:
        return self.failures >= BEHIND_AFTER

    def is_poison(self, now_s: float) -> bool:
        return self.proved >= POISON_TRIES and now_s - self.first_s >= POISON_S


def held(before: Held | None, now_s: float, accepted: int, chance: float) -> Held:
    """Return the state of a frame after one more failure of its own, `accepted` other frames having been accepted."""
    if before is None:
        return Held(1, 0, now_s, now_s + _hold_s(1, _LONGEST_HOLD_S, chance), accepted)
    failures = before.failures + 1
    proved = before.proved + (accepted > before.accepted_before)
    longest_s = _LONGEST_PROVED_HOLD_S if proved else _LONGEST_HOLD_S
    return Held(failures, proved, before.first_s, now_s + _hold_s(failures, longest_s, chance), accepted)


def acquitted(holds: Mapping[int, Held]) -> dict[int, Held]:
    """Return the states once a frame was accepted: those put behind while all failed take their places again.

    Only once: the next failure of such a frame is a proved one.
    """
    return {
        number: replace(each, failures=0, due_s=each.first_s) if each.is_behind and not each.proved else each
        for number, each in holds.items()
    }


def next_entry(
    entries: Sequence[Entry],
    holds: Mapping[int, Held],
    now_s: float,
    *,
    newest_first_after_s: float | None = None,
    waited_s: Callable[[Entry], float],
) -> Entry | None:
    """Return the frame to send now, None when all are held for a while.

    `entries` in order of arrival, `holds` by their number. Each camera's frames go in order; with
    `newest_first_after_s`, those that have waited longer go after all others, the newest of them first. A held frame
    lets other cameras pass, and after some failures its own camera too: it goes when there is nothing else to send.
    """
    backlog = _backlog(entries, newest_first_after_s, waited_s)
    blocked: set[str] = set()
    behind: list[tuple[float, Entry]] = []
    for place, entry in enumerate(chain(entries[backlog:], reversed(entries[:backlog])), backlog):
        hold = holds.get(entry.number)
        if hold is not None and hold.is_behind:
            behind.append((hold.due_s, entry))
        elif entry.camera_id in blocked:
            continue
        elif hold is None or hold.due_s <= now_s:
            return entry
        elif place < len(entries):
            blocked.add(entry.camera_id)
    due_s, first = min(behind, key=lambda each: each[0], default=(now_s, None))
    return first if due_s <= now_s else None


def _backlog(entries: Sequence[Entry], after_s: float | None, waited_s: Callable[[Entry], float]) -> int:
    """Return how many, from the first, have waited too long to go in order."""
    if after_s is None:
        return 0
    return bisect_left(entries, -after_s, key=lambda entry: -waited_s(entry))


def _hold_s(failures: int, longest_s: float, chance: float) -> float:
    ceiling_s = min(longest_s, _FIRST_HOLD_S * 2.0 ** min(failures - 1, 64))
    return ceiling_s * (1.0 + chance) / 2.0
