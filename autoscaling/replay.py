"""Our policy in the simulator, with the forecasts that it would have had. Pure.

On a cluster a process beside the controller forecasts from what was recorded; here the same is done once for a trace,
minute by minute and with nothing but the minutes before, because a forecast does not depend on what a policy does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from autoscaling.forecast import Forecast, History, Usual, forecast, usual
from autoscaling.history import MINUTE
from autoscaling.policy import Bounds, Memory, Observation, Scaling, decide
from autoscaling.schedule import Schedule
from autoscaling.simulate import NOTED_S, Fleet, Tick
from autoscaling.stats import ARRIVING_S, horizon_of

LAG_S = 10.0
"""From the end of a minute until its forecast has reached the policy."""
LOOK_BACK_S = 4.0
TOLD_AFTER_S = 0.5
"""A replica tells once a second what has come to it: on the average this late."""
HORIZON_S = 1800.0
DAY_S = 86400.0

Forecaster = Callable[[float], Forecast]
"""The forecast at a time, in epoch seconds."""


def forecaster(recorded: History, schedule: Schedule, quantile: float = 0.9) -> Forecaster:
    """Ours, with the usual week made anew once a day."""
    weeks: dict[int, Usual] = {}

    def at(now: float) -> Forecast:
        day = int(now // DAY_S)
        if day not in weeks:
            weeks[day] = usual(recorded, now, schedule)
        return forecast(recorded, now, HORIZON_S, schedule, quantile, weeks[day])

    return at


def outlook(at: Forecaster, start: float, minutes: int) -> list[Forecast]:
    """One for each minute from `start` on."""
    return [at(start + minute * MINUTE) for minute in range(minutes)]


@dataclass(slots=True)
class Ours:
    """`decide` with a trace's forecasts; without any it has the queue alone."""

    scaling: Scaling
    fleet: Fleet
    forecasts: Sequence[Forecast]
    start: float
    _memory: Memory = field(default_factory=Memory)
    _peaks: tuple[tuple[float, ...], float, float] = ((), math.nan, math.nan)

    def __call__(self, tick: Tick) -> int:
        soon, later = self._expected(tick)
        seen = Observation(
            now=self.start + tick.now,
            replicas=tick.replicas,
            target=tick.target,
            requests=tick.notes.mean(tick.now - LOOK_BACK_S, tick.now),
            expected_per_s=soon,
            expected_later_per_s=later,
            service_s=self.fleet.service_s,
            start_s=tick.start_s,
            bounds=Bounds(self.fleet.minimum, self.fleet.maximum),
            arriving_per_s=_arriving(tick),
        )
        decided = decide(seen, self.scaling, self._memory)
        self._memory = decided.memory
        return decided.target

    def _expected(self, tick: Tick) -> tuple[float, float]:
        """As far ahead as the policy looks on a cluster; the same until another minute comes into sight."""
        minute, now = int((tick.now - LAG_S) // MINUTE), self.start + tick.now
        if not 0 <= minute < len(self.forecasts):
            return math.nan, math.nan
        soon, later = (horizon_of(ahead) for ahead in (tick.start_s, self.scaling.later_s(tick.start_s)))
        sight = minute, now // MINUTE, (now + soon) // MINUTE, (now + later) // MINUTE
        if self._peaks[0] != sight:
            found = self.forecasts[minute]
            self._peaks = sight, found.peak(now, now + soon), found.peak(now, now + later)
        return self._peaks[1], self._peaks[2]


def _arriving(tick: Tick) -> float | None:
    until = tick.now - TOLD_AFTER_S
    each = tick.came.mean(until - ARRIVING_S, until)
    return None if each is None else each / NOTED_S
