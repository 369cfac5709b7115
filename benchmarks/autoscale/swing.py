"""The load of `doorbell bench autoscale-live`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from autoscaling.history import Numbers

RAMP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Swing:
    """Frames a second, and for how many seconds (whole minutes): low, high, low again."""

    low: float = 1.2
    high: float = 12.0
    before: int = 60
    during: int = 60
    after: int = 120
    announced: bool = True

    def rates(self) -> Numbers:
        """By second."""
        parts = ((self.low, self.before), (self.high, self.during), (self.low, self.after))
        return np.concatenate([np.full(seconds, rate) for rate, seconds in parts])

    def phases(self) -> dict[str, tuple[int, int]]:
        """Seconds from and to; the ramp is the first of the high ones."""
        up, down = self.before, self.before + self.during
        ramp = up + RAMP_SECONDS
        return {"before": (0, up), "ramp": (up, ramp), "high": (ramp, down), "after": (down, down + self.after)}


def announced(swing: Swing, start: float) -> str:
    """The file of expected rushes for a swing that starts at an epoch minute; without the rush when nobody knows."""
    if not swing.announced:
        return "zone: UTC\n"
    at = datetime.fromtimestamp(start + swing.before, UTC)
    rush = f'at: "{at:%H:%M}", minutes: {swing.during // 60}, dates: [{at:%Y-%m-%d}], per_s: {swing.high - swing.low}'
    return f"zone: UTC\nrushes: [{{{rush}}}]\n"
