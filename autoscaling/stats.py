"""The names under which replicas report to the policy, by Serve's `record_autoscaling_stats`. Standard library only.

Of the forecast a replica reports the largest upper rate within each of a few horizons, so that the policy may look as
far ahead as its own settings and the measured start ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

SERVICE = "service_s"
"""Seconds of a replica's time that a request takes."""

START = "start_s"
"""Seconds that a replica took to be ready."""

ARRIVING = "arriving_per_s"
"""Requests a second that came to a replica within the last `ARRIVING_S`."""

ARRIVING_S = 1.0

HORIZONS = (15, 30, 60, 120, 330, 480, 900, 1800)
"""Seconds. A replica starts within the first ones, a node within the next; 330 is a start and what makes it pay."""


def within(horizon: int) -> str:
    """The name of the largest rate within so many seconds."""
    return f"expected_within_{horizon}_s"


def horizon_of(seconds: float) -> int:
    """The first horizon that reaches so far, or the last."""
    return next((horizon for horizon in HORIZONS if horizon >= seconds), HORIZONS[-1])


def expected(peak: Callable[[float, float], float], now: float, share: float) -> dict[str, float]:
    """What is reported of a forecast whose `peak` gives the largest rate between two moments; `share` is 0 to 1."""
    return {within(horizon): share * peak(now, now + horizon) for horizon in HORIZONS}


def middle(values: Iterable[float]) -> float | None:
    """The median; None of none. The lower of two."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] if ordered else None
