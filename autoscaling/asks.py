"""How many replicas each of the policy's signals asks for. Pure, standard library only; what is unknown asks None."""

from __future__ import annotations

import math

from autoscaling.scaling import Scaling, known
from autoscaling.stats import ARRIVING_S

MOST_REPLICAS = 1_000_000
"""Whatever the numbers ask for."""

CHANCE = 1.5
"""Standard deviations by which a count may be above its mean without being more load: of a Poisson count its root is
one."""


def asked_by_queue(requests: float, each: float) -> int:
    """With at most so many requests for each replica."""
    return whole_up(requests / each)


def asked_by_rate(per_s: float | None, service_s: float | None, scaling: Scaling) -> int | None:
    """Replicas that are `utilisation` full or have `spare` free time, whichever are more."""
    rate, service = known(per_s), known(service_s)
    if rate is None or service is None:
        return None
    busy = rate * service
    return whole_up(max(busy / scaling.utilisation, busy + scaling.spare))


def asked_by_arrivals(per_s: float | None, service_s: float | None, scaling: Scaling, present: int) -> int | None:
    """What the requests of the last `ARRIVING_S` ask for.

    Of that only what is no chance, as long as no more than the present replicas: beyond them all of it, since whoever
    is surprised anyway had better not start too few.
    """
    rate = known(per_s)
    if not rate:  # where nothing comes, `spare` is the forecast's to ask for
        return None if rate is None else 0
    count = rate * ARRIVING_S
    surely = asked_by_rate(max(0.0, count - CHANCE * math.sqrt(count)) / ARRIVING_S, service_s, scaling)
    return surely if surely is None or surely <= present else asked_by_rate(rate, service_s, scaling)


def whole_up(value: float) -> int:
    """Rounded up, but not for what arithmetic adds."""
    return math.ceil(min(value, MOST_REPLICAS) - 1e-9)
