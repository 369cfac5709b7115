"""Which settings would have been cheapest for a recorded load, with the promise kept. Pure.

Every choice is computed by minutes: the replicas that the forecast of each minute would have asked for, the nodes they
take, and the late share by the queueing model. From the cheapest on, choices are then replayed in the simulator on the
busiest day, until one keeps the promise there as well; so is the present one, which the saving is measured against.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np

from autoscaling.arrivals import arrivals
from autoscaling.capacity import HOURS_A_MONTH, CannotKeep, late_share
from autoscaling.forecast import Forecast, History, Schedule
from autoscaling.history import MINUTE, BadHistory, Numbers
from autoscaling.history import minutes as per_minute
from autoscaling.policy import Scaling
from autoscaling.replay import Ours, forecaster, outlook
from autoscaling.schedule import DAY_MINUTES
from autoscaling.simulate import Fleet, Outcome, Run

MOST_DAYS = 7
LEAST_MINUTES = 120
TRIED = 12
"""Choices that are replayed at the most."""
SOON_MINUTES = 3
"""Until a replica on a new node answers."""
ROOMS = ((0.8, 0.5), (0.8, 1.0), (0.7, 0.8), (0.7, 1.0), (0.6, 1.0), (0.6, 1.5), (0.5, 1.5))
"""Utilisation and spare replicas."""
HORIZONS_S = (60.0, 300.0, 900.0)
MINIMA = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Node:
    """A machine that can be had: its CPUs and what an hour costs."""

    name: str
    cpus: float
    price_per_hour: float


@dataclass(frozen=True, slots=True)
class Choice:
    """Settings. A replica with fewer CPUs than the measured one takes so much longer; more do not make it faster."""

    node: Node
    cpus_per_replica: float
    minimum: int
    scaling: Scaling

    def fleet(self, fleet: Fleet, measured: Choice) -> Fleet:
        """The machines with these settings; the service time was measured with others."""
        return replace(
            fleet,
            service_s=fleet.service_s * max(1.0, measured.cpus_per_replica / self.cpus_per_replica),
            replicas_per_node=int(self.node.cpus / self.cpus_per_replica + 1e-9),
            minimum=self.minimum,
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What a choice would have come to: a month's cost by the minutes, and the replay of the busiest day."""

    choice: Choice
    monthly_cost: float
    modelled_late_share: float
    late_share: float | None = None
    replica_hours: float | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """The part of a record that is replayed: rates by minute, the forecasts there would have been, and what those
    provide for until a replica on a new node answers.
    """

    start: float
    rates: Numbers
    forecasts: Sequence[Forecast]
    upper: Numbers

    @property
    def busiest_day(self) -> slice:
        """The 24 hours, from the start in whole days, with the most requests; all when there are fewer."""
        days = len(self.rates) // DAY_MINUTES
        if not days:
            return slice(0, len(self.rates))
        busiest = int(self.rates[: days * DAY_MINUTES].reshape(days, -1).sum(axis=1).argmax())
        return slice(busiest * DAY_MINUTES, (busiest + 1) * DAY_MINUTES)


def load(history: History, schedule: Schedule) -> Load:
    """The last week of it, or its second half when there is less than two. Raises BadHistory."""
    first, rates = per_minute(history, history.end)
    if np.isfinite(rates).sum() < LEAST_MINUTES:
        raise BadHistory(f"at least {LEAST_MINUTES} recorded minutes are needed to choose settings by")
    begun = max(len(rates) // 2, len(rates) - MOST_DAYS * DAY_MINUTES)
    start = (first + begun) * MINUTE
    forecasts = outlook(forecaster(history, schedule), start, len(rates) - begun)
    expected = np.array([each.expected[0] if each.expected else 0.0 for each in forecasts])
    replayed = np.where(np.isfinite(rates[begun:]), rates[begun:], expected)
    upper = np.array([max(each.upper[:SOON_MINUTES], default=0.0) for each in forecasts])
    return Load(start, replayed, forecasts, upper)


def optimize(
    seen: Load, fleet: Fleet, present: Choice, choices: Sequence[Choice], promised: float = 0.99
) -> tuple[Result, Result]:
    """The cheapest that keeps the promise, and the present one. Raises CannotKeep when none does."""
    own = present.fleet(fleet, present)
    now = _replayed(_modelled(seen, own, present), seen, own)
    results = [_modelled(seen, each.fleet(fleet, present), each) for each in choices]
    found = sorted(results, key=lambda result: result.monthly_cost)
    hopeful = [result for result in found if result.modelled_late_share <= 1 - promised]
    for result in hopeful[:TRIED]:
        tried = _replayed(result, seen, result.choice.fleet(fleet, present))
        if tried.late_share is not None and tried.late_share <= 1 - promised:
            return tried, now
    raise CannotKeep(
        f"none of {len(choices)} choices keeps {promised:.1%} in time on the busiest day; give faster nodes"
    )


def alternatives(nodes: Sequence[Node], cpus: Sequence[float], present: Choice) -> Iterator[Choice]:
    """All that fit a node, the present one first."""
    yield present
    for node, each, minimum, (utilisation, spare), pays in product(nodes, cpus, MINIMA, ROOMS, HORIZONS_S):
        if each <= node.cpus:
            scaling = replace(present.scaling, utilisation=utilisation, spare=spare, restart_pays_s=pays)
            yield Choice(node, each, minimum, scaling)


def _modelled(seen: Load, own: Fleet, choice: Choice) -> Result:
    replicas = _asked(seen, own, choice.scaling)
    shares = _late(seen.rates, replicas, own)
    nodes = _held(-(-replicas // own.replicas_per_node), round(own.node_idle_s / MINUTE))
    cost = float(nodes.mean()) * choice.node.price_per_hour * HOURS_A_MONTH
    return Result(choice, cost, float((shares * seen.rates).sum() / max(seen.rates.sum(), 1e-9)))


def _asked(seen: Load, fleet: Fleet, scaling: Scaling) -> np.ndarray:
    """Replicas by minute; what is wanted again before a replica's end would pay stays."""
    busy = seen.upper * fleet.service_s
    asked = np.ceil(np.maximum(busy / scaling.utilisation, busy + scaling.spare)).astype(int)
    held = _held(asked, round(scaling.restart_pays_s / MINUTE))
    return np.asarray(np.clip(held, fleet.minimum, max(fleet.minimum, fleet.maximum)))


def _held(values: np.ndarray, minutes: int) -> np.ndarray:
    """The largest of so many minutes before, and of the minute itself."""
    padded = np.concatenate([np.zeros(minutes, dtype=int), values])
    found: np.ndarray = np.lib.stride_tricks.sliding_window_view(padded, minutes + 1).max(axis=1)
    return found


def _late(rates: Numbers, replicas: np.ndarray, fleet: Fleet) -> Numbers:
    """By minute; rates are rounded up to a fiftieth of the largest."""
    step = max(float(rates.max()) / 50, 1e-9)
    pairs, most = np.ceil(rates / step).astype(int), int(replicas.max()) + 1
    different, place = np.unique(pairs * most + replicas, return_inverse=True)
    same = replace(fleet, minimum=1, replicas_per_node=1)  # neither changes how long requests wait
    shares = np.array([_late_share(max(each // most, 1) * step, each % most, same) for each in different.tolist()])
    return np.asarray(shares[place])


_late_share = lru_cache(maxsize=100_000)(late_share)


def _replayed(result: Result, seen: Load, own: Fleet) -> Result:
    day = seen.busiest_day
    policy = Ours(result.choice.scaling, own, seen.forecasts[day], seen.start + day.start * MINUTE)
    outcome = _run(Run(policy, own, own.minimum), seen.rates[day], own)
    late = outcome.late / max(1, outcome.requests)
    return replace(result, late_share=late, replica_hours=outcome.replica_seconds / 3600)


def _run(run: Run, rates: Numbers, fleet: Fleet) -> Outcome:
    for minute in arrivals(np.repeat(rates, 60), fleet.pick, 0):
        run.advance(minute)
    return run.outcome
