"""Requests as they come, made from a rate. Pure; the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from autoscaling.history import Numbers
from autoscaling.queueing import Pick, Requests


def arrivals(rates: Numbers, pick: Pick, seed: int) -> Iterator[Requests]:
    """Minutes of Poisson arrivals from requests per second in each second; the same for the same seed."""
    for minute in range(len(rates) // 60):
        random, each = _drawn(rates, seed, minute)
        seconds = np.repeat(np.arange(minute * 60, minute * 60 + 60), each)
        times = np.sort(seconds + random.random(len(seconds)))
        yield Requests(times, pick(random, len(times)), random.random((2, len(times))))


def counts(rates: Numbers, seed: int) -> Numbers:
    """How many `arrivals` there are in each of these minutes."""
    return np.array([float(_drawn(rates, seed, minute)[1].sum()) for minute in range(len(rates) // 60)])


def _drawn(rates: Numbers, seed: int, minute: int) -> tuple[np.random.Generator, NDArray[np.int64]]:
    random = np.random.default_rng((seed, minute))
    return random, random.poisson(rates[minute * 60 : minute * 60 + 60])
