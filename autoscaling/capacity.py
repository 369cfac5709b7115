"""How many replicas keep a latency promise, and what they cost: a queueing model. Pure.

Serve's router gives a request to the better of two replicas at random. With many replicas the share of those that
have at least k requests is then s_k = busy ** (2 ** k - 1) (N. Vvedenskaya, R. Dobrushin, F. Karpelevich, 1996; M.
Mitzenmacher, 2001), so k are before a request with probability s_k ** 2 - s_(k+1) ** 2; it waits for k - 1 whole
service times and what is left of one. With few replicas that is too short: there it is taken that each gets every c-th
request, a queue E_c/G/1, whose waiting is by W. Kraemer and M. Langenbach-Belz ("Approximate Formulae for the Delay in
the Queueing System GI/G/1", 1976) with an exponential tail. The longer of both counts. The latency is waiting, a
service time of the measured shape, and what the gateway adds. `plan` simulates Serve's routing beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autoscaling.history import Numbers
from autoscaling.queueing import MEASURED_SHAPE, Requests, of_two
from autoscaling.simulate import Fleet

HOURS_A_MONTH = 730.0
SIMULATED = 200_000
"""Requests."""
_SHAPE = np.array(MEASURED_SHAPE) / np.trapezoid(MEASURED_SHAPE, dx=1 / (len(MEASURED_SHAPE) - 1))
VARIATION = float(np.trapezoid(_SHAPE**2, dx=1 / (len(_SHAPE) - 1)) - 1)
"""The squared coefficient of variation of service times."""


class CannotKeep(ValueError):
    """A promise that no number of replicas keeps; its text is one line."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Cameras, what each rings a day, and the week's shape by minutes, of mean 1."""

    cameras: int
    rings_per_day: float
    week: Numbers

    @property
    def per_s(self) -> Numbers:
        """Requests per second in each minute of the week."""
        return np.asarray(self.cameras * self.rings_per_day / 86400 * self.week)


@dataclass(frozen=True, slots=True)
class Plan:
    """For the busiest minute; `autoscaled` are the mean replicas and nodes when they follow the week."""

    replicas: int
    nodes: int
    expected_p99_ms: float
    """By the model."""
    simulated_p99_ms: float
    """By a simulation of Serve's routing."""
    utilisation: float
    peak_per_s: float
    autoscaled_replicas: float
    autoscaled_nodes: float


def plan(demand: Demand, fleet: Fleet, promised: float = 0.99) -> Plan:
    """The fewest replicas that answer so many in time, in the busiest minute of the week. Raises CannotKeep."""
    rates = demand.per_s
    peak = float(rates.max())
    replicas = replicas_for(peak, fleet, promised)
    steps, place = np.unique(_steps(rates, peak), return_inverse=True)
    wanted = np.array([replicas_for(rate, fleet, promised) for rate in steps])[place]
    return Plan(
        replicas=replicas,
        nodes=_nodes(replicas, fleet),
        expected_p99_ms=1000 * quantile(peak, replicas, fleet, 0.99),
        simulated_p99_ms=1000 * simulated_quantile(peak, replicas, fleet),
        utilisation=peak * fleet.service_s / replicas,
        peak_per_s=peak,
        autoscaled_replicas=float(wanted.mean()),
        autoscaled_nodes=float(np.ceil(wanted / fleet.replicas_per_node).mean()),
    )


def replicas_for(per_s: float, fleet: Fleet, promised: float = 0.99) -> int:
    """The fewest, and not fewer than the fleet's minimum. Raises CannotKeep."""
    alone = fleet.overhead_s + float(np.quantile(_SHAPE, promised)) * fleet.service_s
    if alone >= fleet.promise_s:
        raise CannotKeep(
            f"a frame alone takes {alone * 1000:.0f} ms at the {promised:.0%} quantile, more than the promised "
            f"{fleet.promise_s * 1000:.0f} ms; promise more, or take faster nodes"
        )
    low = max(1, fleet.minimum, math.floor(per_s * fleet.service_s) + 1)
    while late_share(per_s, low, fleet) > 1 - promised:
        low += 1
    return low


def late_share(per_s: float, replicas: int, fleet: Fleet) -> float:
    """Of the requests, those that take longer than promised; 1 when more come than can be answered."""
    return _longer_than(fleet.promise_s, per_s, replicas, fleet)


def quantile(per_s: float, replicas: int, fleet: Fleet, share: float = 0.99) -> float:
    """Seconds within which this share is answered; infinite when more come than can be answered."""
    if per_s * fleet.service_s >= replicas:
        return math.inf
    low, high = 0.0, 1.0
    while _longer_than(high, per_s, replicas, fleet) > 1 - share:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        late = _longer_than(middle, per_s, replicas, fleet) > 1 - share
        low, high = (middle, high) if late else (low, middle)
    return high


def simulated_quantile(per_s: float, replicas: int, fleet: Fleet, share: float = 0.99) -> float:
    """The same, by simulation of Serve's routing."""
    random = np.random.default_rng(1)
    times = np.cumsum(random.exponential(1 / per_s, SIMULATED))
    requests = Requests(times, fleet.pick(random, SIMULATED), random.random((2, SIMULATED)))
    _, answered = of_two((0.0,) * replicas, requests)
    return float(np.quantile(answered - times, share)) + fleet.overhead_s


def waiting(per_s: float, replicas: int, service_s: float, variation: float = VARIATION) -> tuple[float, float]:
    """How likely a request waits, and how many seconds all wait on average. For fewer than there can be answered."""
    busy, came = per_s * service_s / replicas, 1 / replicas
    both = came + variation
    shrinks = math.exp(-2 * (1 - busy) * (1 - came) ** 2 / (3 * busy * both)) if busy else 0.0
    mean = service_s * busy / (1 - busy) * both / 2 * shrinks
    below = 1 + busy * (variation - 1) + busy**2 * (4 * came + variation)
    likely = busy + (came - 1) * busy * (1 - busy) * (1 + came + busy * variation) / below
    return max(likely, 1e-9), mean


def _longer_than(seconds: float, per_s: float, replicas: int, fleet: Fleet) -> float:
    if per_s * fleet.service_s >= replicas:
        return 1.0
    left = seconds - fleet.overhead_s - _SHAPE * fleet.service_s
    waits = np.maximum(_in_turn(left, per_s, replicas, fleet), _of_two(left, per_s, replicas, fleet))
    return float(np.trapezoid(np.where(left >= 0, waits, 1.0), dx=1 / (len(_SHAPE) - 1)))


def _in_turn(seconds: Numbers, per_s: float, replicas: int, fleet: Fleet) -> Numbers:
    """How likely a request waits longer than these."""
    likely, mean = waiting(per_s, replicas, fleet.service_s)
    if mean < 1e-12:
        return np.zeros(len(seconds))
    return np.asarray(likely * np.exp(-np.maximum(seconds, 0) * likely / mean))


def _of_two(seconds: Numbers, per_s: float, replicas: int, fleet: Fleet) -> Numbers:
    """The same with Serve's routing and many replicas."""
    busy, longer = per_s * fleet.service_s / replicas, np.zeros(len(seconds))
    if replicas < 2:
        return longer
    before = 1
    while (likely := busy ** (2 ** (before + 1) - 2)) > 1e-9:
        exactly = likely - busy ** (2 ** (before + 2) - 2)
        longer += exactly * np.clip(before - seconds / fleet.service_s, 0, 1)
        before += 1
    return longer


def _steps(rates: Numbers, peak: float) -> Numbers:
    """Rounded up to a hundredth of the peak, so that few are to be computed."""
    return np.asarray(np.ceil(rates / max(peak, 1e-9) * 100) / 100 * peak)


def _nodes(replicas: int, fleet: Fleet) -> int:
    return -(-replicas // fleet.replicas_per_node)
