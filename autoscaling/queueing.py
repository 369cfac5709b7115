"""Requests on replicas: when they are answered, and which are refused. Pure.

Serve's router gives a request to the better of two replicas at random (M. Mitzenmacher, 2001), each replica answers in
turn. Better is the one with fewer requests, which is here the work it has by the mean service time, rounded down.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autoscaling.history import Numbers


@dataclass(frozen=True, slots=True)
class Requests:
    """In order: when they come, what each takes, and two numbers below 1 that say which two replicas are looked at."""

    times: Numbers
    services: Numbers
    looks: Numbers

    def between(self, since: float, until: float) -> Requests:
        """Those that come from `since` on and before `until`."""
        return self.part(slice(*np.searchsorted(self.times, (since, until)).tolist()))

    def part(self, part: slice) -> Requests:
        """Some of them."""
        return Requests(self.times[part], self.services[part], self.looks[:, part])


@dataclass(frozen=True, slots=True)
class Replicas:
    """`free`: when each has done what it has; `under_way`: when each request that is not answered will be, in order."""

    free: tuple[float, ...]
    under_way: Numbers

    def serve(self, requests: Requests, places: int) -> tuple[Replicas, Numbers]:
        """The replicas afterwards; when each request is answered, infinite when no place was left for it."""
        if not len(requests.times):
            return self, requests.times
        free, answered = of_two(self.free, requests)
        done = np.sort(np.concatenate([self.under_way, answered]))
        came = len(self.under_way) + np.arange(len(answered))
        if (came - np.searchsorted(done, requests.times, "right")).max() >= places:
            free, answered = with_places(self, requests, places)
            done = np.sort(np.concatenate([self.under_way, answered]))
        later = (done > requests.times[-1]) & np.isfinite(done)
        return Replicas(tuple(free), done[later]), answered

    def with_one_more(self, at: float) -> Replicas:
        """Another, from `at` on."""
        return Replicas((*self.free, at), self.under_way)

    def with_fewer(self, count: int) -> Replicas:
        """Without the `count` that are free first; what they have they still answer."""
        return Replicas(tuple(sorted(self.free)[count:]), self.under_way)


def of_two(free: tuple[float, ...], requests: Requests) -> tuple[list[float], Numbers]:
    """When each replica is free afterwards, and when each request is answered."""
    ends, answered, rate = list(free), [], 1 / float(requests.services.mean())
    for at, took, one, other in _looked_at(requests, len(free)):
        place, end, instead = one, ends[one], ends[other]
        if instead < end and (instead <= at or int((instead - at) * rate) < int((end - at) * rate)):
            place, end = other, instead
        end = (end if end > at else at) + took
        ends[place] = end
        answered.append(end)
    return ends, np.array(answered)


def with_places(before: Replicas, requests: Requests, places: int) -> tuple[list[float], Numbers]:
    """The same, and a request that finds all places taken is refused. Written out: a call for each would be slow."""
    ends, under_way, answered = list(before.free), before.under_way.tolist(), []
    rate = 1 / float(requests.services.mean())
    for at, took, one, other in _looked_at(requests, len(ends)):
        while under_way and under_way[0] <= at:
            heapq.heappop(under_way)
        if len(under_way) >= places:
            answered.append(np.inf)
            continue
        place, end, instead = one, ends[one], ends[other]
        if instead < end and (instead <= at or int((instead - at) * rate) < int((end - at) * rate)):
            place, end = other, instead
        ends[place] = max(at, end) + took
        heapq.heappush(under_way, ends[place])
        answered.append(ends[place])
    return ends, np.array(answered)


def _looked_at(requests: Requests, count: int) -> zip[tuple[float, float, int, int]]:
    first = (requests.looks[0] * count).astype(int)
    second = (first + 1 + (requests.looks[1] * (count - 1)).astype(int)) % count
    return zip(requests.times.tolist(), requests.services.tolist(), first.tolist(), second.tolist(), strict=True)


Pick = Callable[[np.random.Generator, int], Numbers]
"""So many service times, in seconds."""

MEASURED_SHAPE = (
    *(0.32, 0.38, 0.86, 0.87, 0.88, 0.89, 0.9, 0.9, 0.92, 0.93, 0.95),
    *(0.97, 0.99, 1.02, 1.06, 1.12, 1.35, 1.39, 1.44, 1.54, 1.75),
)
"""Quantiles by 5 % of a frame's time by its mean: 1,200 passes of the bare engine over the 14 sample frames, one
thread, 2026-11-28. Frames without a face take a third, with two faces half as long again."""


def measured(mean_s: float) -> Pick:
    """Service times of this mean with the shape that was measured."""
    quantiles = np.array(MEASURED_SHAPE)
    mean = float(np.mean((quantiles[1:] + quantiles[:-1]) / 2))
    values = quantiles / mean * mean_s

    def pick(random: np.random.Generator, count: int) -> Numbers:
        return np.interp(random.random(count) * (len(values) - 1), np.arange(len(values)), values)

    return pick
