"""Whether what a release said of the golden frames is good enough for traffic. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cluster.deployment.judge import CHANCE, LEAST_ANSWERS, more_by_chance, percentile


@dataclass(frozen=True, slots=True)
class Limits:
    """`accuracy`: the least share of golden frames answered as expected; `growth_mb`: the most that any replica's
    memory (10^6 bytes) may grow over the trial, after its first round; `agreement`: the least share of recent frames
    that it answers as the live release does.
    """

    accuracy: float = 1.0
    growth_mb: float = 30.0
    agreement: float = 0.98


@dataclass(frozen=True, slots=True)
class Answer:
    """What a release said of a golden frame, beside what was expected."""

    frame: str
    expected: str
    said: str
    milliseconds: float

    @property
    def right(self) -> bool:
        """Verdict and names are the expected ones."""
        return self.said == self.expected


@dataclass(frozen=True, slots=True)
class Tried:
    """All rounds of one release; `memory` has each process's resident bytes after every one of its rounds.

    `golden` is which golden frames: their version and the beginning of their digest.
    """

    answers: Sequence[Answer]
    memory: Mapping[int, Sequence[int]] = field(default_factory=dict)
    unusable: Sequence[str] = ()
    golden: str = ""


def together(rounds: Sequence[Tried]) -> Tried:
    """Several rounds as one."""
    memory: dict[int, list[int]] = {}
    for each in rounds:
        for pid, values in each.memory.items():
            memory.setdefault(pid, []).extend(values)
    answers = [answer for each in rounds for answer in each.answers]
    golden = next((each.golden for each in rounds), "")
    return Tried(answers, memory, [line for each in rounds for line in each.unusable], golden)


def shortcomings(new: Tried, live: Tried, slower: float, limits: Limits = Limits()) -> list[str]:
    """One sentence with its numbers for each thing that keeps the release from traffic."""
    return [
        said
        for said in (_photos(new), _accuracy(new, limits), _slowness(new, live, slower), _growth(new, limits))
        if said
    ]


def _photos(new: Tried) -> str | None:
    return f"it cannot enrol {new.unusable[0]}" if new.unusable else None


def _accuracy(new: Tried, limits: Limits) -> str | None:
    wrong = {each.frame: each for each in new.answers if not each.right}
    frames = {each.frame for each in new.answers}
    share = 1 - len(wrong) / len(frames)
    if share >= limits.accuracy:
        return None
    first = next(iter(wrong.values()))
    return (
        f"{len(frames) - len(wrong)} of {len(frames)} golden frames were answered as expected, "
        f"{limits.accuracy:.0%} are needed; {first.frame} was {first.said}, expected was {first.expected}"
    )


def _slowness(new: Tried, live: Tried, slower: float) -> str | None:
    ours, theirs = ([each.milliseconds for each in tried.answers] for tried in (new, live))
    return slower_than(ours, theirs, slower, "golden")


def slower_than(ours: Sequence[float], theirs: Sequence[float], slower: float, kind: str) -> str | None:
    """What is wrong when frames of this kind take more than `slower` times the live release's, beyond chance."""
    if len(theirs) < LEAST_ANSWERS // 2:
        return None
    middle, usual = percentile(ours, 50), percentile(theirs, 50)
    bound = slower * usual
    slow, slow_of_live = (sum(each > bound for each in values) for values in (ours, theirs))
    chance = more_by_chance(slow, len(ours), slow_of_live, len(theirs))
    if middle <= bound or chance >= CHANCE:
        return None
    return (
        f"a {kind} frame takes {middle:.0f} ms, the live release {usual:.0f} ms; "
        f"at most {slower:g} times that is allowed"
    )


def growth(tried: Tried) -> dict[int, float]:
    """By how many MB (10^6 bytes) each process grew after its first round."""
    return {pid: (values[-1] - values[0]) / 1e6 for pid, values in tried.memory.items() if len(values) > 1}


def _growth(new: Tried, limits: Limits) -> str | None:
    grown = growth(new)
    worst = max(grown, key=lambda pid: grown[pid], default=None)
    if worst is None or grown[worst] <= limits.growth_mb:
        return None
    rounds = len(new.memory[worst])
    return (
        f"process {worst} grew by {grown[worst]:.0f} MB in {rounds} rounds of golden frames, "
        f"{limits.growth_mb:g} are allowed"
    )
