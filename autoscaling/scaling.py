"""The operator's settings of the policy. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


class BadScaling(ValueError):
    """A setting that cannot be."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """The operator's settings. Raises BadScaling.

    Defaults are the cheapest that kept the promise in `doorbell bench autoscale`, with seeds that it does not report.
    """

    requests_per_replica: float = 1.3
    """Running and waiting requests that one replica may have."""
    utilisation: float = 0.65
    """The share of the replicas' time that the forecast may fill."""
    spare: float = 0.8
    """Replicas' worth of free time beside what the forecast fills, at the least."""
    hysteresis: float = 0.2
    up_after_s: float = 1.5
    """Seconds in a row in which the queue must ask for more: longer than from one report of it to the next."""
    starts_at_once: float = 1000.0
    """Replicas that may be starting: each takes a core for seconds, which frames need where cores are few."""
    down_after_s: float = 30.0
    settle_s: float = 3.0
    """Seconds with reports before anything is decided, after a start of the controller."""
    restart_pays_s: float = 300.0
    """A replica that is wanted again within so many seconds is not ended: its start costs more than its idle time."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise BadScaling(f"{field.name} must be a number, it is {value!r}")
            least, most, above = _LIMITS.get(field.name, (0.0, 1e9, False))
            if not least <= value <= most or (above and value == least):
                raise BadScaling(
                    f"{field.name} must be {'above' if above else 'at least'} {least:g} and at most {most:g}, "
                    f"it is {value:g}"
                )

    def later_s(self, start_s: float) -> float:
        """Seconds ahead that decide whether a replica is ended: those of `Observation.expected_later_per_s`."""
        return start_s + self.restart_pays_s


_LIMITS = {
    "requests_per_replica": (0.0, 1e6, True),
    "utilisation": (0.0, 1.0, True),
    "hysteresis": (0.0, 0.9, False),
    "starts_at_once": (1.0, 1e9, False),
}
"""Least, most, and whether the least itself is too little; the others are at least 0."""


def known(value: object) -> float | None:
    """A finite number of at least 0, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e300 else None
