"""Threshold and margin for a gallery, from the distances within and between its own persons.

Every enrolled face is a question twice. As itself it is asked of the gallery without that one photograph: it should be
accepted as its person. As a stranger it is asked of the gallery without that person: it should be accepted as nobody.
Both are decided by the application's own rule (`serve_apps.recognition.match`), here for all faces at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.verification import wilson
from serve_apps.recognition.match import MatchRules

BLOCK = 5_000_000
"""Distances at a time: 40 MB, where all of 10,000 embeddings' are 800 and those of 100,000 are 80,000."""

MARGINS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1)
Array = NDArray[np.float64]


class CannotCalibrate(Exception):
    """The gallery has too little to learn from."""


@dataclass(frozen=True, slots=True)
class Probes:
    """For each of n faces the distance to the nearest other photograph of its person (infinity without one), and to
    the nearest and the second nearest other person (infinity where there is none); `owners` are the persons' indices,
    `others` those of the nearest other persons."""

    own: Array
    other: Array
    second: Array
    owners: NDArray[np.intp]
    others: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Rate:
    """Errors among trials; `interval` is of 95 %, after Wilson, with persons instead of faces as what is independent:
    the faces of one person err together."""

    errors: int
    trials: int
    persons: int

    @property
    def rate(self) -> float:
        """Errors by trials."""
        return self.errors / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Low and high."""
        return wilson(self.rate * self.persons, self.persons)


@dataclass(frozen=True, slots=True)
class Expected:
    """What rules do: strangers taken for somebody, members not recognized, members taken for somebody else."""

    rules: MatchRules
    false_accept: Rate
    false_reject: Rate
    misidentified: Rate


@dataclass(frozen=True, slots=True)
class Choice:
    """What a margin can do. Every threshold from `needed` to below `ceiling` (infinity: any) keeps to the target and
    rejects equally many members of this gallery.

    `held_back` is whether one above the shipped threshold would recognize more members, and too few persons are there
    to know that it is safe.
    """

    expected: Expected
    needed: float
    ceiling: float
    held_back: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """`chosen` is None when no rules keep the target and recognize anybody."""

    target: float
    chosen: Choice | None
    present: Expected


def probes(embeddings: Sequence[NDArray[np.float32]]) -> Probes:
    """From each person's embeddings, n x d. Raises CannotCalibrate.

    A matrix of all distances is made block by block: 10,000 embeddings take seconds, and less than 200 MB.
    """
    counts = np.array([len(one) for one in embeddings], np.intp)
    if len(counts) < 2 or counts.max() < 2:
        raise CannotCalibrate(_too_little(counts))
    every = np.concatenate(embeddings).astype(np.float64)
    owners = np.repeat(np.arange(len(counts)), counts)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    squares, height = np.einsum("ij,ij->i", every, every), max(1, BLOCK // len(every))
    blocks = [
        _block(every, squares, owners, starts, np.arange(begin, min(begin + height, len(every))))
        for begin in range(0, len(every), height)
    ]
    own, other, second, others = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return Probes(own, other, second, owners, others)


def expected(found: Probes, rules: MatchRules) -> Expected:
    """How often these rules err on the probes.

    A face without another photograph of its person is a stranger only. The rule is that of `match.accepted`: within
    the threshold, and every other person farther by at least the margin.
    """
    members = np.isfinite(found.own)
    nearest = np.minimum(found.own, found.other)
    runner_up = np.where(found.own <= found.other, found.other, np.minimum(found.own, found.second))
    claimed = members & _accepted(nearest, runner_up, rules)
    right = claimed & (found.own <= found.other)
    strangers = _accepted(found.other, found.second, rules)
    people, tested = len(np.unique(found.owners)), len(np.unique(found.owners[members]))
    trials = int(members.sum())
    return Expected(
        rules,
        false_accept=Rate(int(strangers.sum()), len(found.other), people),
        false_reject=Rate(trials - int(right.sum()), trials, tested),
        misidentified=Rate(int((claimed & ~right).sum()), trials, tested),
    )


def propose(found: Probes, target: float, present: MatchRules, shipped: MatchRules = MatchRules()) -> Proposal:
    """The rules that reject the fewest members while at most `target` of the strangers, and of the members, are taken
    for somebody they are not.

    For each margin there is a gap between the farthest member to accept and the first face that must not be. The
    shipped threshold is moved no farther than leaves a quarter of the gap on either side: photographs for enrolment are
    better than a door's, so the gap's lower end is too low. It is moved up only where the interval of the false accept
    rate ends within the target: a few persons are no evidence for accepting more. Of margins that err equally, the one
    nearest the shipped is taken.
    """
    options = [_for_margin(found, target, margin, shipped.threshold) for margin in MARGINS]
    useful = [one for one in options if one is not None and one.expected.false_reject.rate < 1]
    chosen = min(
        useful,
        key=lambda one: (*_errors(one.expected), abs(one.expected.rules.margin - shipped.margin)),
        default=None,
    )
    return Proposal(target, chosen, expected(found, present))


def _for_margin(found: Probes, target: float, margin: float, shipped: float) -> Choice | None:
    """What this margin can do; None where no threshold will do."""
    members = np.isfinite(found.own)
    strangers = np.sort(found.other[found.second - found.other >= margin])
    wrong = np.minimum(found.own, found.second) - found.other >= margin
    mistaken = np.sort(found.other[members & (found.other < found.own) & wrong])
    ceiling = min(_allowed(strangers, target, len(found.other)), _allowed(mistaken, target, int(members.sum())))
    clear = members & (found.own <= found.other) & (found.other - found.own >= margin) & (found.own < ceiling)
    if not clear.any():
        return None
    needed = float(found.own[clear].max())
    threshold = _in_gap(shipped, needed, ceiling)
    free = expected(found, MatchRules(threshold, margin))
    if threshold <= shipped or free.false_accept.interval[1] <= target:
        return Choice(free, needed, ceiling, held_back=False)
    return Choice(expected(found, MatchRules(shipped, margin)), needed, ceiling, held_back=needed > shipped)


def _in_gap(threshold: float, needed: float, ceiling: float) -> float:
    """The threshold, moved until a quarter of the gap is free on either side; in thousandths where the gap is wider."""
    room = (ceiling - needed) / 4 if np.isfinite(ceiling) else 0.0
    moved = min(max(threshold, needed + room), ceiling - room)
    short = float(np.floor(moved * 1000) / 1000)
    return short if short >= needed else moved


def _errors(of: Expected) -> tuple[int, int, int]:
    return of.false_reject.errors, of.misidentified.errors, of.false_accept.errors


def _allowed(distances: Array, target: float, trials: int) -> float:
    """The smallest distance that must not be accepted any more, of these ascending ones; infinity without any."""
    errors = int(target * trials + 1e-9)
    return float(distances[errors]) if len(distances) > errors else float("inf")


def _accepted(distance: Array, runner_up: Array, rules: MatchRules) -> NDArray[np.bool_]:
    taken: NDArray[np.bool_] = (distance <= rules.threshold) & (runner_up - distance >= rules.margin)
    return taken


def _block(
    every: Array, squares: Array, owners: NDArray[np.intp], starts: NDArray[np.intp], rows: NDArray[np.intp]
) -> tuple[Array, Array, Array, NDArray[np.intp]]:
    apart = np.sqrt(np.maximum(squares[rows, None] + squares - 2 * every[rows] @ every.T, 0))
    apart[np.arange(len(rows)), rows] = np.inf
    people = np.minimum.reduceat(apart, starts, axis=1)
    place = np.arange(len(rows)), owners[rows]
    own = people[place].copy()
    people[place] = np.inf
    others = people.argmin(axis=1)
    other = people[np.arange(len(rows)), others]
    people[np.arange(len(rows)), others] = np.inf
    return own, other, people.min(axis=1), others


def _too_little(counts: NDArray[np.intp]) -> str:
    if not len(counts):
        return "the gallery is empty; enrol at least two persons, one of them with two photographs"
    if len(counts) < 2:
        return "the gallery has one person; enrol a second one, so that there is somebody to be told apart from"
    return f"none of the {len(counts)} persons has two photographs; enrol a second one of somebody"
