"""How many replicas there should be. Pure, standard library only, and it raises for no numbers.

Serve's controller calls `decide` several times a second; an exception there would stop every application. What is no
finite number of at least 0 is taken as unknown, and of what is unknown nothing is concluded.

Wanted is the largest of three:

- what the queue asks now: requests that run and wait, by `requests_per_replica`;
- what the requests of the last second ask, as far as they are more than chance: a rush that nobody foretold;
- what the forecast asks for the moment at which a replica that is started now would answer. With `a` the replicas that
  the expected requests keep busy, that is `a / utilisation` or `a + spare`, whichever is more: waiting falls with the
  replicas that are free, not with their share (A. K. Erlang, 1917), so few replicas need more room than many.

Up at once for a forecast and for what arrives, and for a queue that has asked for more for `up_after_s`: gateways say
every second what they have, and where frames are rare the one that is just there looks like a mean of one. Down only
when `down_after_s` seconds in a row wanted fewer, and then to the most that was wanted in them; never below what the
forecast will want again before ending a replica would have paid; and the queue must ask for fewer even if each
replica had `hysteresis` less. Time is counted from call to call, so a clock that jumps decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from autoscaling.asks import MOST_REPLICAS, asked_by_arrivals, asked_by_queue, asked_by_rate
from autoscaling.explain import sentence
from autoscaling.scaling import BadScaling as BadScaling
from autoscaling.scaling import Scaling as Scaling
from autoscaling.scaling import known

LONGEST_GAP_S = 30.0
"""Between two calls; more is a clock that jumped or a controller that slept, and counts as no time."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Replicas."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Observation:
    """What is seen at one moment. None is what nobody knows."""

    now: float
    """Seconds of the wall clock, which may jump either way."""
    replicas: int
    """That run."""
    target: int
    """What is wanted at present."""
    requests: float | None
    """Running and waiting in all, over the last seconds; None while nobody has reported."""
    expected_per_s: float | None
    """The largest upper forecast until a replica that is started now would answer."""
    expected_later_per_s: float | None
    """The same until a replica that is ended now could be had again, and its start would have paid."""
    service_s: float | None
    """Measured seconds of a replica's time that a request takes."""
    start_s: float | None
    """Measured seconds from the decision until a new replica answers."""
    bounds: Bounds
    arriving_per_s: float | None = None
    """Requests a second that came within the last `ARRIVING_S`."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The policy's own state between two calls; empty after a restart of the controller."""

    last: float | None = None
    """When it was called."""
    seen_s: float = 0.0
    """Seconds with reports since it began."""
    below_s: float = 0.0
    """Seconds in a row in which fewer were wanted than there are."""
    most: int = 0
    """The most that was wanted in them."""
    above_s: float = 0.0
    """Seconds in a row in which the queue asked for more than there are."""
    least: int = 0
    """The least that it asked for in them; 0 when it did not."""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Memory:
        """What `as_dict` gave; an empty one from anything else."""
        names = [field.name for field in fields(cls)]
        if not isinstance(kept, Mapping) or kept.keys() != set(names):
            return cls()
        numbers = [number for number in (known(kept[name]) for name in names) if number is not None]
        if len(numbers) < len(names):
            return cls()
        last, seen, below, most, above, least = numbers
        return cls(last, seen, below, int(min(most, MOST_REPLICAS)), above, int(min(least, MOST_REPLICAS)))


@dataclass(frozen=True, slots=True)
class Asks:
    """The numbers behind a decision, in replicas; None is what could not be said."""

    queue: int | None
    forecast: int | None
    arrivals: int | None
    later: int | None
    """What the forecast will want again before ending a replica pays."""
    held: str
    """`settling`, `rising` (for `up_after_s`), `waiting` (for `down_after_s`), `later` (wanted again, or nearly),
    `starting` (others are), or nothing."""
    held_s: float
    """For how many seconds more, where that is known."""
    bounds: tuple[int, int]
    contradiction: bool
    """The bounds were the wrong way round."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The number, the memory for the next call, and what led to it."""

    target: int
    memory: Memory
    asks: Asks
    seen: Observation
    scaling: Scaling

    @property
    def why(self) -> str:
        """One sentence for an operator, with the numbers."""
        return sentence(self)


def decide(seen: Observation, scaling: Scaling, memory: Memory) -> Decision:
    """The replicas that there should be."""
    low, high, contradiction = _bounds(seen)
    present = max(low, min(high, _whole(seen.target, low)))
    elapsed, requests = _elapsed(seen.now, memory.last), known(seen.requests)
    forecast = asked_by_rate(seen.expected_per_s, seen.service_s, scaling)
    arrivals = asked_by_arrivals(seen.arriving_per_s, seen.service_s, scaling, present)
    later = asked_by_rate(seen.expected_later_per_s, seen.service_s, scaling)
    queue, settled, unsettled = None, 0.0, scaling.settle_s
    rising = _Rising()
    if requests is not None:
        queue, settled = asked_by_queue(requests, scaling.requests_per_replica), memory.seen_s + elapsed
        unsettled -= settled
    if requests is None or unsettled > 0:
        chosen = _Choice(present, 0.0, 0, "settling", unsettled)
    else:
        rising = _rising(queue or 0, present, high, memory, scaling.up_after_s, elapsed)
        wanted = max(rising.granted, forecast or 0, arrivals or 0)
        eased = asked_by_queue(requests, scaling.requests_per_replica * (1 - scaling.hysteresis))
        stays = max(low, min(high, max(wanted, eased, later or 0)))
        if rising.left_s > 0 and wanted <= present:  # neither more nor fewer, until it is known which
            chosen = _Choice(present, memory.below_s, memory.most, "rising", rising.left_s)
        else:
            chosen = _chosen(present, max(low, min(high, wanted)), stays, memory, scaling.down_after_s, elapsed)
            chosen = _few_at_once(chosen, present, _whole(seen.replicas, present) + int(scaling.starts_at_once))
    seen_s = min(settled, scaling.settle_s)
    kept = Memory(known(seen.now), seen_s, chosen.below_s, chosen.most, rising.above_s, rising.least)
    asks = Asks(queue, forecast, arrivals, later, chosen.held, chosen.held_s, (low, high), contradiction)
    return Decision(chosen.target, kept, asks, seen, scaling)


class _Rising(NamedTuple):
    """What of the queue's asking is believed now, and after how many seconds the rest may be."""

    granted: int = 0
    left_s: float = 0.0
    above_s: float = 0.0
    least: int = 0


def _rising(queue: int, present: int, high: int, memory: Memory, up_after_s: float, elapsed: float) -> _Rising:
    if queue <= present or present >= high:
        return _Rising(queue)
    above_s = memory.above_s + elapsed if memory.least else 0.0
    least = min(memory.least or queue, queue)
    if above_s >= up_after_s:
        return _Rising(max(present, least))
    return _Rising(present, up_after_s - above_s, above_s, least)


class _Choice(NamedTuple):
    target: int
    below_s: float
    most: int
    held: str
    held_s: float


def _chosen(present: int, wanted: int, stays: int, memory: Memory, down_after_s: float, elapsed: float) -> _Choice:
    """`wanted` are started at once, `stays` are not ended; both within the bounds."""
    if wanted > present or stays >= present:
        return _Choice(max(wanted, present), 0.0, 0, "later" if wanted < present else "", 0.0)
    most, below = max(memory.most, stays), memory.below_s + elapsed
    if below < down_after_s:
        return _Choice(present, below, most, "waiting", down_after_s - below)
    return _Choice(min(present, most), 0.0, 0, "", 0.0)


def _few_at_once(chosen: _Choice, present: int, most: int) -> _Choice:
    """What is starting goes on starting."""
    target = max(present, min(chosen.target, most))
    return chosen if target >= chosen.target else chosen._replace(target=target, held="starting")


def _bounds(seen: Observation) -> tuple[int, int, bool]:
    """The larger of two that contradict each other is the maximum; without a maximum nothing is added."""
    low = _whole(seen.bounds.minimum, 0)
    high = _whole(seen.bounds.maximum, max(low, _whole(seen.target, low)))
    return min(low, high), max(low, high), low > high


def _elapsed(now: float, last: float | None) -> float:
    if known(now) is None or last is None:
        return 0.0
    return now - last if 0.0 <= now - last <= LONGEST_GAP_S else 0.0


def _whole(value: object, otherwise: int) -> int:
    number = known(value)
    return otherwise if number is None else int(min(number, MOST_REPLICAS))
