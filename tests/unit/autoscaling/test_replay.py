"""Our policy in the simulator: it sees what it would have seen."""

from __future__ import annotations

import itertools

import numpy as np

from autoscaling.arrivals import arrivals, counts
from autoscaling.forecast import Forecast, History, Schedule
from autoscaling.history import MINUTE
from autoscaling.policy import Scaling
from autoscaling.replay import LAG_S, Ours, forecaster, outlook
from autoscaling.simulate import Fleet, Notes, Run, Tick
from autoscaling.stats import horizon_of

FLEET = Fleet(replicas_per_node=16)


def told(*per_s: float) -> list[Forecast]:
    """A forecast for each minute: this rate from then on."""
    return [Forecast(60.0 * minute, 60.0, (rate,), (rate,), "told") for minute, rate in enumerate(per_s)]


def ticks(policy: Ours, seconds: int, target: int) -> list[int]:
    notes, came, found = Notes(), Notes(), []
    for second in range(1, seconds + 1):
        notes.add(np.zeros(2))
        came.add(np.zeros(2))
        target = policy(Tick(float(second), target, target, 4.0, notes, came))
        found.append(target)
    return found


def test_a_forecast_reaches_the_policy_after_its_lag() -> None:
    found = ticks(Ours(Scaling(), FLEET, told(0.0, 300.0), 0.0), 120, 2)
    changed = next(second for second, target in enumerate(found, 1) if target > 2)
    assert changed == 60 + LAG_S
    assert found[-1] == 7  # 300/s of 14 ms, 60 % full


def test_the_next_minute_is_seen_when_a_start_would_reach_into_it_and_no_sooner() -> None:
    rush = [Forecast(0.0, 60.0, (0.0, 300.0), (0.0, 300.0), "told") for _ in range(2)]
    found = ticks(Ours(Scaling(), FLEET, rush, 0.0), 120, 2)
    assert next(second for second, target in enumerate(found, 1) if target > 2) == 60 - horizon_of(4.0)


def test_forecasts_use_nothing_that_comes_after_them() -> None:
    history = History(0.0, MINUTE, [60.0] * 3000 + [6000.0] * 1000)
    cut = History(0.0, MINUTE, [60.0] * 3000)
    one, other = (outlook(forecaster(each, Schedule()), 2990 * MINUTE, 10) for each in (history, cut))
    assert one == other


def test_under_constant_load_with_all_its_chance_it_hardly_changes_its_mind() -> None:
    rates = np.full(3 * 3600, 150.0)
    before = np.random.default_rng(5).poisson(150 * 60, 3 * 1440).astype(float)
    history = History(0.0, MINUTE, np.concatenate([before, counts(rates, 3)]))
    start = len(before) * MINUTE
    ours = Ours(Scaling(), FLEET, outlook(forecaster(history, Schedule()), start, 180), start)
    run = Run(ours, FLEET, 4)
    for minute in arrivals(rates, FLEET.pick, 3):
        run.advance(minute)
    changes = list(itertools.pairwise(replicas for _, replicas in run.outcome.ready))
    assert len(changes) <= 4
    assert run.outcome.late / run.outcome.requests < 0.01
