"""The loads that policies are compared on."""

from __future__ import annotations

import numpy as np

from autoscaling.history import minutes
from benchmarks.autoscale.traces import HOUR, traces


def test_the_step_is_tenfold_from_one_second_to_the_next() -> None:
    (trace,) = traces(1, "tenfold")
    at = int(trace.step_at or 0)
    assert trace.rates[at] == 10 * trace.rates[at - 1] == trace.step_per_s


def test_what_is_recorded_goes_on_until_the_end_of_the_trace() -> None:
    for trace in (*traces(1, "flash"), *traces(1, "parcel")):
        first, rates = minutes(trace.recorded, trace.recorded.end)
        assert (first + len(rates)) * 60 == trace.start + trace.hours * HOUR
        during = rates[round(trace.start / 60) - first :]
        assert abs(during.mean() / trace.rates.mean() - 1) < 0.02


def test_the_van_is_in_the_schedule_and_not_in_the_history() -> None:
    (trace,) = traces(1, "parcel")
    local = trace.schedule.local(np.arange(int(trace.start // 60), int(trace.start // 60) + 480))
    assert local.rush[int((trace.step_at or 0) // 60)]


def test_the_same_seed_is_the_same_load_and_another_is_not() -> None:
    (one,), (same,), (other,) = (list(traces(seed, "flash")) for seed in (1, 1, 2))
    assert (one.rates == same.rates).all()
    assert not (one.rates == other.rates).all()


def test_a_seventh_of_the_hours_is_missing_in_history_and_trace() -> None:
    (trace,) = traces(1, "missing")
    assert 0.1 < np.isnan(np.array(trace.recorded.counts)).mean() < 0.2
