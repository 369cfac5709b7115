"""The loads of `doorbell bench autoscale`: a made-up city of doorbells, and what may happen to it.

Nothing here is recorded from doors. The shape of a day is that of autoscaling/days.py; each day is busier or quieter
than usual by 8 %, each rush some minutes early or late, and each quarter of an hour off by 8 %. Four weeks of it are
the history that a forecast may use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np

from autoscaling.arrivals import counts
from autoscaling.days import usual
from autoscaling.history import MINUTE, History, Numbers
from autoscaling.schedule import DAY_MINUTES, Local, Rush, Schedule

ZONE = "Europe/Berlin"
FIRST_DAY = datetime(2026, 11, 2, tzinfo=ZoneInfo(ZONE))
"""A Monday; summer time ended in the history before it."""
HISTORY_DAYS = 28
PEAK_PER_S = 250.0
"""Of the usual rush: 3.5 replicas that do nothing else."""
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests per second by seconds from `start` on, and what a forecast may know: minutes before and during it.

    `seed` is that of its arrivals. `step_at` is where the load steps, in seconds, and `step_per_s` to what.
    """

    name: str
    start: float
    rates: Numbers
    recorded: History
    schedule: Schedule
    seed: int
    step_at: float | None = None
    step_per_s: float = 0.0

    @property
    def hours(self) -> float:
        """Its length."""
        return len(self.rates) / HOUR


def _week(seed: int, peak: float) -> Trace:
    return _made("normal week", seed, peak, days=7)


def _step(seed: int, peak: float) -> Trace:
    """Ten times the load from one second to the next, for half an hour, in a quiet hour."""
    trace = _part(_made("tenfold step", seed, peak, days=1), 5 * HOUR, 7 * HOUR)
    at, least = HOUR, peak / 10
    rates = np.full(len(trace.rates), least)
    rates[at : at + HOUR // 2] *= 10
    return _seen(replace(trace, rates=rates, step_at=float(at), step_per_s=10 * least))


def _van(seed: int, peak: float) -> Trace:
    """Parcel vans at ten and at two, some minutes early or late; only the schedule knows of them."""
    random = np.random.default_rng((seed, 7))
    rush = {"minutes": 25, "per_s": 0.6 * peak}
    rushes = tuple(Rush(at=time(hour - 1, 55), days=frozenset(range(5)), **rush) for hour in (10, 14))  # type: ignore[arg-type]
    trace = _part(_made("parcel van", seed, peak, days=1, schedule=Schedule(ZONE, rushes)), 8 * HOUR, 16 * HOUR)
    rates = trace.rates.copy()
    starts = [int((hour - 8) * HOUR + random.uniform(-3, 7) * 60) for hour in (10, 14)]
    for at in starts:
        rates[at : at + 10 * 60] += 0.6 * peak
    return _seen(replace(trace, rates=rates, step_at=float(starts[0]), step_per_s=float(rates[starts[0]])))


def _drift(seed: int, peak: float) -> Trace:
    """Two days after four weeks in which each day had two percent more than the one before."""
    return _made("slow drift", seed, peak, days=2, growth=0.02)


def _holiday(seed: int, peak: float) -> Trace:
    """A Monday, a holiday that the schedule knows, and a Wednesday."""
    schedule = Schedule(ZONE, holidays=frozenset({date(2026, 11, 3)}))
    return _made("holiday", seed, peak, days=3, schedule=schedule)


def _flash(seed: int, peak: float) -> Trace:
    """Within a minute a peak's worth on top of a quiet afternoon, which nobody told; it fades in twenty minutes."""
    trace = _part(_made("flash crowd", seed, peak, days=1), 14 * HOUR, 17 * HOUR)
    since = np.arange(len(trace.rates)) - HOUR
    crowd = peak * np.clip(since / 60, 0, 1) * np.exp(-np.maximum(since - 60, 0) / 1200)
    rates = trace.rates + crowd
    return _seen(replace(trace, rates=rates, step_at=float(HOUR), step_per_s=float(rates[HOUR + 60])))


def _gaps(seed: int, peak: float) -> Trace:
    """A normal week, of which and of whose history every seventh hour was not recorded; some of them are rushes."""
    trace = _made("missing hours", seed, peak, days=7)
    counts = np.array(trace.recorded.counts).reshape(-1, 60)
    counts[np.random.default_rng((seed, 8)).random(len(counts)) < 1 / 7] = np.nan
    return replace(trace, recorded=History(trace.recorded.start, MINUTE, counts.ravel()))


def _made(
    name: str, seed: int, peak: float, days: int, growth: float = 0.0, schedule: Schedule = Schedule(ZONE)
) -> Trace:
    random = np.random.default_rng((seed, 1))
    start = int(FIRST_DAY.astimezone(UTC).timestamp() // 60)
    at = np.arange(start - HISTORY_DAYS * DAY_MINUTES, start + days * DAY_MINUTES)
    local = Local.of(at, schedule)
    day = local.day - local.day[0]
    count = int(day[-1]) + 1
    early = random.normal(0, 3, count)[day]
    level = (1 + growth) ** (day - HISTORY_DAYS) * np.exp(random.normal(0, 0.08, count))[day]
    rates = peak * usual(local.weekday, local.minute + early) * level * np.exp(_wandering(random, len(at)))
    trace = rates[HISTORY_DAYS * DAY_MINUTES :]
    seconds = np.interp(np.arange(len(trace) * 60) / 60, np.arange(len(trace)) + 0.5, trace)
    before = random.poisson(rates[: HISTORY_DAYS * DAY_MINUTES] * MINUTE).astype(float)
    history = History(float(at[0] * 60), MINUTE, before)
    return _seen(Trace(name, start * MINUTE, seconds, history, schedule, seed))


def _wandering(random: np.random.Generator, count: int, lasts: float = 15.0, size: float = 0.08) -> Numbers:
    """An autoregression of the first order, by minutes."""
    stays = np.exp(-1 / lasts)
    shocks = random.normal(0, size * np.sqrt(1 - stays**2), count)
    kernel = stays ** np.arange(int(8 * lasts))
    return np.convolve(shocks, kernel)[:count]


def _part(trace: Trace, since: int, until: int) -> Trace:
    """Some hours of it; those before are history."""
    minute = round((trace.start - trace.recorded.start) / MINUTE) + since // 60
    history = History(trace.recorded.start, MINUTE, np.array(trace.recorded.counts)[:minute])
    return replace(trace, start=trace.start + since, rates=trace.rates[since:until], recorded=history)


def _seen(trace: Trace) -> Trace:
    """With what is recorded while it goes on: those requests that the simulation makes, minute by minute."""
    before = np.array(trace.recorded.counts)[: round((trace.start - trace.recorded.start) / MINUTE)]
    during = counts(trace.rates, trace.seed)
    return replace(trace, recorded=History(trace.recorded.start, MINUTE, np.concatenate([before, during])))


_MAKERS: dict[str, Callable[[int, float], Trace]] = {
    "normal week": _week,
    "tenfold step": _step,
    "parcel van": _van,
    "slow drift": _drift,
    "holiday": _holiday,
    "flash crowd": _flash,
    "missing hours": _gaps,
}
NAMES = tuple(_MAKERS)


def traces(seed: int, only: str = "", peak_per_s: float = PEAK_PER_S) -> Iterator[Trace]:
    """Those with `only` in their names, by the order of the report."""
    for number, (name, make) in enumerate(_MAKERS.items()):
        if only in name:
            yield make(seed + 100 * number, peak_per_s)
