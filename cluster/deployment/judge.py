"""Whether a release on part of the traffic does worse than the live one at the same time. Pure.

Two counts are compared, each by Fisher's exact test, one-sided (R. A. Fisher, 1935): tries that failed, and answers
slower than so many times the live release's 99th percentile. Where the cameras' own past is known, an answer's time is
a multiple of what is usual at its camera (usual.py), or a door with large pictures would condemn who answers there. A
difference counts when it would come by chance in fewer than one of a hundred rollouts; each look at the growing numbers
of each step gets its share of that (Bonferroni), so that looking often does not make chance likely.

In a quiet house the live release may have done too little to compare with. Then failures are judged beside an
assumption as well, that a live release fails in at most ASSUMED of its tries, or as often as it was seen to (the
binomial's tail; each of both tests gets half of the chance). Of slowness nothing is assumed, and the finding says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CHANCE = 0.01
LEAST_ANSWERS = 20
"""Of the live release, before its 99th percentile says anything."""

LEAST_TRIES = 100
"""Of the live release, before they alone say how often it fails: so many show a rate of ASSUMED."""

ASSUMED = 0.01


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one release in one time: tries that failed, and the milliseconds of those that were answered.

    `usual` milliseconds at the camera of each, empty where no past is known. `answered` are more where `milliseconds`
    has only the newest.
    """

    failed: int
    milliseconds: Sequence[float]
    usual: Sequence[float] = ()
    answered: int = 0

    @property
    def tries(self) -> int:
        """All of them."""
        return self.failed + max(self.answered, len(self.milliseconds))

    @property
    def multiples(self) -> list[float]:
        """Of what is usual at the camera of each."""
        return [each / usual for each, usual in zip(self.milliseconds, self.usual, strict=True)]


@dataclass(frozen=True, slots=True)
class Finding:
    """`chance` is how likely so large a difference is when both releases are alike; `said` has the numbers."""

    worse: bool
    chance: float
    said: str


def judge(live: Seen, new: Seen, looks: int, slower: float = 2.0) -> list[Finding]:
    """What can be said at one of `looks` looks, those of all steps together.

    Slow is what takes more than `slower` times the live release's 99th percentile; that is not judged before the live
    release has answers enough.
    """
    return [_failures(live, new, looks), _slowness(live, new, looks, slower)]


def _failures(live: Seen, new: Seen, looks: int) -> Finding:
    chance = more_by_chance(new.failed, new.tries, live.failed, live.tries)
    said = f"{new.failed} of {new.tries} tries failed, {live.failed} of {live.tries} of the live release"
    if live.tries < LEAST_TRIES:
        assumed = max(ASSUMED, live.failed / max(1, live.tries))
        chance = min(1.0, 2 * min(chance, more_than_assumed(new.failed, new.tries, assumed)))
        said += f" (fewer than {LEAST_TRIES}: judged beside {100 * assumed:.0f} % as well)"
    return Finding(chance < CHANCE / looks, chance, said)


def _slowness(live: Seen, new: Seen, looks: int, slower: float) -> Finding:
    if len(live.milliseconds) < LEAST_ANSWERS or not new.milliseconds:
        few = f"{len(live.milliseconds)} of {LEAST_ANSWERS} answers of the live release"
        return Finding(False, 1.0, f"slowness not judged: {few if new.milliseconds else 'no answer of its own'}")
    known = bool(live.usual and new.usual)
    ours, theirs = (seen.multiples if known else seen.milliseconds for seen in (new, live))
    bound = slower * percentile(theirs, 99)
    slow, usual = (sum(each > bound for each in values) for values in (ours, theirs))
    chance = more_by_chance(slow, len(ours), usual, len(theirs))
    new_p99, live_p99 = (percentile(seen.milliseconds, 99) for seen in (new, live))
    than = f"{bound:.1f} times what is usual at their cameras" if known else f"{bound:.0f} ms"
    said = (
        f"{slow} of {len(ours)} answers took more than {than}, {usual} of {len(theirs)} of the live release "
        f"(p99 {new_p99:.0f} and {live_p99:.0f} ms)"
    )
    return Finding(chance < CHANCE / looks, chance, said)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def more_by_chance(hits: int, of: int, other_hits: int, of_others: int) -> float:
    """How likely `hits` or more of `of` are when both share one rate: the hypergeometric tail of the 2x2 table."""
    total, every = of + of_others, hits + other_hits
    if not of or not every:
        return 1.0
    return min(1.0, sum(_exactly(k, of, every, total) for k in range(hits, min(of, every) + 1)))


def more_than_assumed(hits: int, of: int, rate: float) -> float:
    """How likely `hits` or more of `of` are at this rate: the binomial tail, or 1 for no more than were to come."""
    if hits <= of * rate:
        return 1.0
    each = (_ways(of, k) + k * math.log(rate) + (of - k) * math.log1p(-rate) for k in range(hits, of + 1))
    return min(1.0, sum(math.exp(one) for one in each))


def _exactly(k: int, of: int, every: int, total: int) -> float:
    if every - k > total - of:
        return 0.0
    return math.exp(_ways(of, k) + _ways(total - of, every - k) - _ways(total, every))


def _ways(of: int, k: int) -> float:
    """The logarithm of the binomial coefficient."""
    return math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
