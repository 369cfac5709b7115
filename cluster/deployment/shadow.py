"""Whether a release answers recent frames as the live one does: both are asked for the same ones, in shadow. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.deployment.validate import Limits, slower_than

LEAST_FRAMES = 10
"""Fewer say nothing, and nothing is judged by them."""

NORMAL_95 = 1.959964
"""The two-sided 95 % point of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one release said of a frame; `who` are names, sorted."""

    verdict: str
    who: tuple[str, ...]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Pair:
    """A frame, and what both said of it. `captured_at` as the API has it."""

    event_id: str
    camera_id: str
    captured_at: str
    live: Said
    new: Said

    @property
    def same(self) -> bool:
        """Verdict and names are alike."""
        return (self.live.verdict, self.live.who) == (self.new.verdict, self.new.who)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of `frames` were answered alike; `low` and `high` are the ends of the 95 % interval of the share."""

    frames: int
    same: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """1 without any frame."""
        return self.same / self.frames if self.frames else 1.0

    @property
    def judged(self) -> bool:
        """Whether there were frames enough."""
        return self.frames >= LEAST_FRAMES

    @property
    def said(self) -> str:
        """One line with the numbers."""
        if not self.judged:
            return f"{self.frames} recent frames were replayed, {LEAST_FRAMES} are needed: agreement was not judged"
        return (
            f"{self.same} of {self.frames} recent frames were answered as by the live release "
            f"({self.share:.1%}, 95 % interval {self.low:.1%} to {self.high:.1%})"
        )


def agreement(pairs: Sequence[Pair]) -> Agreement:
    """Of all the frames that were replayed."""
    same = sum(pair.same for pair in pairs)
    return Agreement(len(pairs), same, *wilson(same, len(pairs)))


def changed(pairs: Sequence[Pair]) -> list[Pair]:
    """The frames that were answered otherwise; those of another verdict first."""
    return sorted((pair for pair in pairs if not pair.same), key=lambda pair: pair.live.verdict == pair.new.verdict)


def shortcomings(pairs: Sequence[Pair], slower: float, limits: Limits) -> list[str]:
    """One sentence with its numbers for each thing that keeps the release from traffic; nobody is named."""
    found = agreement(pairs)
    if not found.judged:
        return []
    said = []
    if found.high < limits.agreement:  # so few may differ by chance when the share is reached
        verdicts = sum(pair.live.verdict != pair.new.verdict for pair in pairs)
        said.append(f"{found.said}, {limits.agreement:.1%} are needed; {verdicts} have another verdict")
    ours, theirs = ([each.milliseconds for each in side] for side in ([p.new for p in pairs], [p.live for p in pairs]))
    slow = slower_than(ours, theirs, slower, "recent")
    return [*said, slow] if slow else said


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % score interval of a share (E. B. Wilson, 1927); 0 to 1 without any."""
    if not of:
        return 0.0, 1.0
    share, z2 = hits / of, NORMAL_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = NORMAL_95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)
