"""Whether a release on part of the traffic does worse than the live one at the same time. Pure.

Two counts are compared, each by Fisher's exact test, one-sided (R. A. Fisher, 1935): tries that failed, and answers
slower than so many times the live release's 99th percentile. A difference counts when it would come by chance in
fewer than one of a hundred looks; each look at the growing numbers gets its share of that (Bonferroni), so that
looking often does not make chance likely.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CHANCE = 0.01
LEAST_ANSWERS = 20
"""Of the live release, before its 99th percentile says anything."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one release in one time: tries that failed, and the milliseconds of each that was answered."""

    failed: int
    milliseconds: Sequence[float]

    @property
    def tries(self) -> int:
        """All of them."""
        return self.failed + len(self.milliseconds)


@dataclass(frozen=True, slots=True)
class Finding:
    """`chance` is how likely so large a difference is when both releases are alike; `said` has the numbers."""

    worse: bool
    chance: float
    said: str


def judge(live: Seen, new: Seen, looks: int, slower: float = 2.0) -> list[Finding]:
    """What can be said at one of `looks` looks.

    Slow is what takes more than `slower` times the live release's 99th percentile; nothing is said of that before the
    live release has answers enough.
    """
    found = [_failures(live, new, looks)]
    if len(live.milliseconds) >= LEAST_ANSWERS and new.milliseconds:
        found.append(_slowness(live, new, looks, slower))
    return found


def _failures(live: Seen, new: Seen, looks: int) -> Finding:
    chance = more_by_chance(new.failed, new.tries, live.failed, live.tries)
    said = f"{new.failed} of {new.tries} tries failed, {live.failed} of {live.tries} of the live release"
    return Finding(chance < CHANCE / looks, chance, said)


def _slowness(live: Seen, new: Seen, looks: int, slower: float) -> Finding:
    bound = slower * percentile(live.milliseconds, 99)
    slow, usual = (sum(each > bound for each in seen.milliseconds) for seen in (new, live))
    chance = more_by_chance(slow, len(new.milliseconds), usual, len(live.milliseconds))
    new_p99, live_p99 = (percentile(seen.milliseconds, 99) for seen in (new, live))
    said = (
        f"{slow} of {len(new.milliseconds)} answers took more than {bound:.0f} ms, {usual} of {len(live.milliseconds)} "
        f"of the live release (p99 {new_p99:.0f} and {live_p99:.0f} ms)"
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


def _exactly(k: int, of: int, every: int, total: int) -> float:
    if every - k > total - of:
        return 0.0
    return math.exp(_ways(of, k) + _ways(total - of, every - k) - _ways(total, every))


def _ways(of: int, k: int) -> float:
    """The logarithm of the binomial coefficient."""
    return math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
