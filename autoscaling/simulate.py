"""A day, or a week, of a cluster in seconds: requests, replicas that start, nodes that start, a policy that looks on.

Discrete events: each request arrives, waits at a replica, is answered or refused. A minute is computed at once with the
replicas there are; where the policy changes its mind within it, or a replica has started, it is cut there. Policies see
what Serve's see: how many requests run and wait, noted twice a second, and only what was pushed already.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from autoscaling.history import Numbers
from autoscaling.queueing import Pick, Replicas, Requests, measured

NOTED_S = 0.5
"""Between two notes of the requests under way: RAY_SERVE_REPLICA_AUTOSCALING_METRIC_RECORD_INTERVAL_S."""
RECENT_STARTS = 20


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the machines are like. Times in seconds."""

    service_s: float = 0.014
    """A replica's time for a frame, Serve's call included: `doorbell bench service`."""
    overhead_s: float = 0.0057
    """What is not the replica's: 19.7 ms at one camera without these 14."""
    promise_s: float = 0.05
    places: int = 64
    """Requests under way in the gateway; the next one is answered 429."""
    start_s: float = 4.0
    node_start_s: float = 90.0
    replicas_per_node: int = 5
    node_idle_s: float = 600.0
    minimum: int = 2
    maximum: int = 16

    @property
    def pick(self) -> Pick:
        """Service times as measured."""
        return measured(self.service_s)


class Notes:
    """A number noted every half second."""

    def __init__(self) -> None:
        self._sums = [0.0]

    def add(self, values: Numbers) -> None:
        """The next ones."""
        for value in values.tolist():
            self._sums.append(self._sums[-1] + value)

    def cut(self, seconds: float) -> None:
        """Forget what comes after."""
        del self._sums[round(seconds / NOTED_S) + 1 :]

    def mean(self, since: float, until: float) -> float | None:
        """Between two times; None without a note."""
        last = len(self._sums) - 1
        first, end = (max(0, min(last, round(at / NOTED_S))) for at in (since, until))
        return (self._sums[end] - self._sums[first]) / (end - first) if end > first else None


@dataclass(frozen=True, slots=True)
class Tick:
    """What a policy is shown at one second."""

    now: float
    replicas: int
    target: int
    start_s: float
    notes: Notes
    """Of the requests under way."""
    came: Notes
    """Of those that reached a replica since the last note."""


Policy = Callable[[Tick], int]


@dataclass(slots=True)
class Outcome:
    """What happened so far."""

    requests: int = 0
    late: int = 0
    """Not answered within the promise; those that were refused too."""
    lost: int = 0
    replica_seconds: float = 0.0
    node_seconds: float = 0.0
    starts: int = 0
    stops: int = 0
    ready: list[tuple[float, int]] = field(default_factory=list)
    """From when on how many answered."""

    def capacity_after(self, at: float, replicas: int) -> float | None:
        """Seconds from `at` until so many answered; None when they never did."""
        for (since, count), until in zip(self.ready, [*(when for when, _ in self.ready[1:]), math.inf], strict=True):
            if count >= replicas and until > at:
                return max(0.0, since - at)
        return None


@dataclass(slots=True)
class _Machines:
    """Nodes that run or start, and replicas that start: when each is ready."""

    fleet: Fleet
    nodes: list[float]
    starting: list[float] = field(default_factory=list)
    too_many_since: float | None = None

    def start(self, now: float, running: int) -> float:
        """Another replica; the moment it answers."""
        place = running + len(self.starting)
        if place >= len(self.nodes) * self.fleet.replicas_per_node:
            self.nodes.append(now + self.fleet.node_start_s)
        node = sorted(self.nodes)[place // self.fleet.replicas_per_node]
        ready = max(now, node) + self.fleet.start_s
        self.starting = sorted([*self.starting, ready])
        return ready

    def tidy(self, now: float, running: int) -> None:
        """A node that was not needed for a while ends."""
        needed = max(1, -(-(running + len(self.starting)) // self.fleet.replicas_per_node))
        if len(self.nodes) <= needed:
            self.too_many_since = None
        elif self.too_many_since is None:
            self.too_many_since = now
        elif now - self.too_many_since >= self.fleet.node_idle_s:
            self.nodes = sorted(self.nodes)[: len(self.nodes) - 1]
            self.too_many_since = now


class Run:
    """One policy on one trace, minute by minute."""

    def __init__(self, policy: Policy, fleet: Fleet, replicas: int) -> None:
        self.outcome = Outcome(ready=[(0.0, replicas)])
        self._policy, self._fleet = policy, fleet
        self._notes, self._came = Notes(), Notes()
        self._replicas = Replicas((0.0,) * replicas, np.empty(0))
        nodes = max(1, -(-replicas // fleet.replicas_per_node))
        self._machines = _Machines(fleet, [0.0] * nodes)
        self._target, self._now, self._starts = replicas, 0.0, [fleet.start_s]

    def advance(self, minute: Requests, seconds: int = 60) -> None:
        """The next `seconds`; `minute` has what comes in them."""
        end = self._now + seconds
        while self._now < end:
            until = min([end, *(math.ceil(at) for at in self._machines.starting[:1])])
            self._piece(minute, max(until, self._now + 1))

    def _piece(self, minute: Requests, until: float) -> None:
        begun = self._now
        replicas, answered = self._served(minute, begun, until)
        taken = minute.between(begun, until).times[np.isfinite(answered)]
        self._notes.add(self._under_way(taken, begun, until, answered))
        self._came.add(_in_half_seconds(taken, begun, until))
        now, target = self._asked(begun, until)
        if now < until:
            for notes in (self._notes, self._came):
                notes.cut(now)
            replicas, answered = self._served(minute, begun, now)
        self._count(minute, begun, now, answered)
        self._replicas, self._now = replicas, now
        self._join(now)
        if target != self._target:
            self._change(target)
        self._machines.tidy(now, len(self._replicas.free))

    def _served(self, minute: Requests, since: float, until: float) -> tuple[Replicas, Numbers]:
        return self._replicas.serve(minute.between(since, until), self._fleet.places)

    def _under_way(self, taken: Numbers, since: float, until: float, answered: Numbers) -> Numbers:
        noted = np.arange(since + NOTED_S, until + NOTED_S / 2, NOTED_S)
        done = np.sort(np.concatenate([self._replicas.under_way, answered[np.isfinite(answered)]]))
        before = len(self._replicas.under_way)
        return np.asarray(before + np.searchsorted(taken, noted) - np.searchsorted(done, noted), dtype=float)

    def _asked(self, since: float, until: float) -> tuple[float, int]:
        """The first second at which the policy wants another number, or the last one."""
        running, start = len(self._replicas.free), max(self._starts)
        for now in np.arange(since + 1, until + 0.5).tolist():
            target = self._policy(Tick(now, running, self._target, start, self._notes, self._came))
            if target != self._target:
                return now, target
        return until, self._target

    def _count(self, minute: Requests, since: float, until: float, answered: Numbers) -> None:
        fleet, outcome = self._fleet, self.outcome
        took = answered - minute.between(since, until).times + fleet.overhead_s
        outcome.requests += len(answered)
        outcome.late += int((took > fleet.promise_s).sum())
        outcome.lost += int(np.isinf(answered).sum())
        seconds = until - since
        outcome.replica_seconds += seconds * (len(self._replicas.free) + len(self._machines.starting))
        outcome.node_seconds += seconds * len(self._machines.nodes)

    def _join(self, now: float) -> None:
        ready = [at for at in self._machines.starting if at <= now]
        for at in ready:
            self._replicas = self._replicas.with_one_more(at)
        if ready:
            self._machines.starting = self._machines.starting[len(ready) :]
            self.outcome.ready.append((now, len(self._replicas.free)))

    def _change(self, target: int) -> None:
        more = target - self._target
        for _ in range(more):
            ready = self._machines.start(self._now, len(self._replicas.free))
            self._starts = [*self._starts, ready - self._now][-RECENT_STARTS:]
        self.outcome.starts += max(0, more)
        self.outcome.stops += max(0, -more)
        unready = min(max(0, -more), len(self._machines.starting))
        self._machines.starting = self._machines.starting[: len(self._machines.starting) - unready]
        if running := max(0, -more) - unready:
            self._replicas = self._replicas.with_fewer(running)
            self.outcome.ready.append((self._now, len(self._replicas.free)))
        self._target = target


def _in_half_seconds(times: Numbers, since: float, until: float) -> Numbers:
    """How many came in each of them."""
    edges = np.arange(since, until + NOTED_S / 2, NOTED_S)
    return np.diff(np.searchsorted(times, edges)).astype(float)
