"""Whether a release knows fewer faces, or matches them less closely, than the live one did at the same cameras. Pure.

A camera always goes to one release, so the two releases see different people: each group of cameras is compared with
its own past, and what changed at the live release's cameras too is taken off (difference in differences, here of
ratios). The unit is not a face but a visit, faces of one camera in bins of time without an empty one between: they are
mostly one person's and say the same thing again and again. Cameras are strata with Mantel and Haenszel's weights
(S. Greenland and J. Robins, 1985), so that a camera that has become busier does not shift the mean.

Both measures are shares of 1, more is better: faces that were known, and what matches left of the release's threshold
(so that embedding spaces compare). More strangers at every door multiply the share of the known alike at each, and so
does a release that no longer knows some of the people. Therefore `after < tolerated * usual * before` is what is
tested, where `usual` is the live release's after / before. The test is Welch's t (B. L. Welch, 1947) of that contrast,
one-sided, with the variance of `usual` by the delta method. Three choices are on the safe side:

- A share's variance counts two visits more in each cell, one of none and one of all (A. Agresti and B. Caffo, 2000):
  ten alike are no proof that there is no other kind.
- From four cameras on, the variance between cameras counts when it is larger (W. Cochran's ratio estimate, 1977).
- It must be worse than its own past, and also with `usual` taken off; the larger of the two chances counts
  (intersection-union; R. L. Berger, 1982). So neither a day of strangers nor friends at other doors condemn it.

As in judge.py a difference counts that would come by chance in fewer than one of a hundred holds, each look with its
share of that; looks come at times that grow by a factor, so that there are few.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from cluster.deployment.judge import CHANCE, Finding
from cluster.deployment.student import upper_tail
from cluster.deployment.visits import Bin, visits

LEAST_VISITS = 10
"""With faces, of each group of cameras, before as after."""

LEAST_CAMERAS = 4
"""Of a group, before the variance between them says anything."""

TOLERATED_KNOWN = 0.9
"""A release that knows one in ten fewer is another release, not a broken one."""

TOLERATED_LEFT = 0.7
FIRST_LOOK_SECONDS = 10.0
GROWTH = 1.25


@dataclass(frozen=True, slots=True)
class Compared:
    """What is compared: the `past` by the live release, and what both did since.

    `thresholds` by release: largest matched distances. `alone`: the new release has all of the traffic.
    """

    live: str
    new: str
    past: Sequence[Bin]
    since: Sequence[Bin]
    thresholds: Mapping[str, float]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class _Measure:
    """`of` a visit, None when it says nothing; `words` have `now` and `before` as the shares that are missing."""

    what: str
    of: Callable[[Bin], float | None]
    tolerated: float
    padding: tuple[float, ...]
    words: str


@dataclass(frozen=True, slots=True)
class _Cell:
    """The values of one camera."""

    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)

    @property
    def weight(self) -> float:
        """0 when one of both is empty."""
        return len(self.before) * len(self.after) / max(1, len(self.before) + len(self.after))


class _Group:
    """The cameras of one release that have a past: means before and after, and what chance does to them."""

    def __init__(self, cells: Mapping[str, _Cell], padding: Sequence[float]) -> None:
        self._cells = [cell for cell in cells.values() if cell.weight]
        self._padding = padding
        total = sum(cell.weight for cell in self._cells)
        self._weights = [cell.weight / total for cell in self._cells]
        self._before = [fmean(cell.before) for cell in self._cells]
        self._after = [fmean(cell.after) for cell in self._cells]
        self.before, self.after = self._mean(self._before), self._mean(self._after)
        self.visits = sum(len(cell.before) for cell in self._cells), sum(len(cell.after) for cell in self._cells)

    @property
    def ratio(self) -> float:
        """After to before."""
        return self.after / self.before if self.before else 1.0

    def noise(self, factor: float) -> tuple[float, float]:
        """The variance of `after - factor * before`, and that squared by its degrees of freedom (Satterthwaite)."""
        before, after = (self._within([getattr(cell, side) for cell in self._cells]) for side in ("before", "after"))
        before *= factor**2
        found = max(before + after, self._between())
        return found, before**2 / (self.visits[0] - 1) + after**2 / (self.visits[1] - 1)

    def _within(self, values: Sequence[Sequence[float]]) -> float:
        scale = sum(weight**2 / len(each) for weight, each in zip(self._weights, values, strict=True))
        return _variance([*(value for each in values for value in each), *self._padding]) * scale

    def _between(self) -> float:
        if len(self._cells) < LEAST_CAMERAS:
            return 0.0
        rest = [after - self.ratio * before for after, before in zip(self._after, self._before, strict=True)]
        squares = sum((weight * each) ** 2 for weight, each in zip(self._weights, rest, strict=True))
        return squares * len(rest) / (len(rest) - 1)

    def _mean(self, values: Sequence[float]) -> float:
        return sum(weight * value for weight, value in zip(self._weights, values, strict=True))


def look_times(most: float) -> list[float]:
    """Seconds after which there is a look, in a time of at most so many; the last one is its end."""
    times, at = [], FIRST_LOOK_SECONDS
    while at < most:
        times.append(at)
        at *= GROWTH
    return [*times, most]


class Looks:
    """The looks of one hold, and between two of them what the last one found."""

    def __init__(self, compared: Callable[[], Compared], most: float) -> None:
        self._compared = compared
        self._due = look_times(most)
        self._count = len(self._due) + 1
        self._found: list[Finding] = []

    def at(self, passed: float, *, last: bool) -> list[Finding]:
        """After so many seconds; `last` looks whether one is due or not."""
        if last or (self._due and passed >= self._due[0]):
            self._found = drifted(self._compared(), self._count)
            self._due = [at for at in self._due if at > passed]
        return self._found


def drifted(compared: Compared, looks: int) -> list[Finding]:
    """What can be said of unknown faces and of match distances at one of `looks` looks."""

    def known(each: Bin) -> float | None:
        return 1.0 - each.unknown_faces / each.faces if each.faces else None

    def left(each: Bin) -> float | None:
        return None if each.distance is None else 1.0 - each.distance / compared.thresholds[each.release]

    compared = replace(compared, past=visits(compared.past), since=visits(compared.since))
    unknown = "{now} of the faces at its cameras were unknown, {before} before it came"
    distances = "its matches lay at {now} of the threshold, {before} before it came"
    return [
        _finding(compared, _Measure("unknown faces", known, TOLERATED_KNOWN, (0.0, 1.0), unknown), looks),
        _finding(compared, _Measure("match distances", left, TOLERATED_LEFT, (), distances), looks),
    ]


def _finding(compared: Compared, measure: _Measure, looks: int) -> Finding:
    own, others = (
        _Group(_cells(compared, release, measure.of), measure.padding) for release in (compared.new, compared.live)
    )
    for group, whose in ((own, "its cameras"), (others, "the live release's cameras")):
        if min(group.visits) < LEAST_VISITS and not (compared.alone and group is others):
            few = f"{min(group.visits)} of {LEAST_VISITS} visits at {whose}, before or since"
            return Finding(False, 1.0, f"{measure.what} not judged: {few}")
    said = measure.words.format(now=_missing(own.after), before=_missing(own.before))
    beside = " of all cameras, beside their own past only" if compared.alone else ""
    said += f" ({own.visits[1]} and {own.visits[0]} visits{beside})"
    chance = _chance(own, None, measure.tolerated)
    if not compared.alone:
        chance = max(chance, _chance(own, others, measure.tolerated))
        said += f"; at the live release's {_missing(others.after)}, {_missing(others.before)} before"
    return Finding(chance < CHANCE / looks, chance, said)


def _missing(share: float) -> str:
    return f"{100 * (1 - share):.0f} %"


def _chance(own: _Group, others: _Group | None, tolerated: float) -> float:
    """How likely so low a mean is when `tolerated` of what was to be expected is true."""
    factor = tolerated * (others.ratio if others else 1.0)
    found, by_degrees = own.noise(factor)
    if others and others.before:
        scale = (tolerated * own.before / others.before) ** 2
        more, more_by_degrees = others.noise(others.ratio)
        found, by_degrees = found + scale * more, by_degrees + scale**2 * more_by_degrees
    difference = factor * own.before - own.after
    if not by_degrees:  # always the same value: no chance in it
        return 0.0 if difference > 0 else 1.0
    return upper_tail(difference / math.sqrt(found), max(1.0, found**2 / by_degrees))


def _cells(compared: Compared, release: str, of: Callable[[Bin], float | None]) -> dict[str, _Cell]:
    """By camera: the past by the live release, and what `release` did since at the cameras that it has."""
    cells: defaultdict[str, _Cell] = defaultdict(_Cell)
    mine = _cameras(compared, release)
    for bins, decided_by, side in ((compared.past, compared.live, "before"), (compared.since, release, "after")):
        for each in bins:
            value = of(each) if each.release == decided_by and each.camera_id in mine else None
            if value is not None:
                getattr(cells[each.camera_id], side).append(value)
    return cells


def _cameras(compared: Compared, release: str) -> set[str]:
    """The release that saw most of a camera's faces has it; the rest came before a gateway took the new weights."""
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for each in compared.since:
        seen[each.camera_id][each.release] += each.faces
    return {camera for camera, faces in seen.items() if faces.most_common(1)[0][0] == release}


def _variance(values: Sequence[float]) -> float:
    mean = fmean(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)
