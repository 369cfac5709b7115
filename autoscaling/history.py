"""Recorded load: requests in bins of time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MINUTE = 60.0

Numbers = NDArray[np.float64]


class BadHistory(ValueError):
    """Recorded load that cannot be read; its text is one line."""


@dataclass(frozen=True, slots=True)
class History:
    """Requests in each bin, NaN where nothing was recorded; `start` in epoch seconds. Raises BadHistory."""

    start: float
    step_s: float
    counts: Sequence[float] | Numbers

    def __post_init__(self) -> None:
        if not np.isfinite(self.start):
            raise BadHistory(f"the history must start at epoch seconds, not at {self.start}")
        if not (self.step_s > 0 and (MINUTE / self.step_s).is_integer()):
            raise BadHistory(f"bins must be a minute or a whole part of one, not {self.step_s:g} s")

    @property
    def end(self) -> float:
        """When the last bin ends."""
        return self.start + len(self.counts) * self.step_s


def minutes(history: History, now: float) -> tuple[int, Numbers]:
    """The epoch minute of the first bin, and requests per second in each minute that was over at `now`.

    NaN is what was not recorded, is negative or not finite. A minute counts when half of it was recorded.
    """
    counts = np.asarray(history.counts, dtype=float)
    counts = np.where(np.isfinite(counts) & (counts >= 0), counts, np.nan)
    parts = round(MINUTE / history.step_s)
    before = round(history.start / history.step_s) % parts
    first = round((history.start - before * history.step_s) / MINUTE)
    padded = np.concatenate([np.full(before, np.nan), counts, np.full(-(before + len(counts)) % parts, np.nan)])
    bins = padded.reshape(-1, parts)
    known = np.isfinite(bins).sum(axis=1)
    rates = np.where(known * 2 >= parts, np.nansum(bins, axis=1) / np.maximum(known, 1) / history.step_s, np.nan)
    return first, rates[: max(0, int(now // MINUTE) - first)]
