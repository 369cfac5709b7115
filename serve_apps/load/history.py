"""The recorded load as the forecast takes it: posted frames by minute, over all groups and gateways."""

from __future__ import annotations

import math

import numpy as np

from autoscaling.history import History
from serve_apps.load.counts import BINS, NOT_RECORDED, Sixty
from serve_apps.load.store import HOUR, MINUTE, MINUTES_KEPT, SECONDS_KEPT, LoadStore, hours


def recorded(store: LoadStore, now: float, group: str | None = None) -> History:
    """Admitted and refused frames of each minute until `now`; NaN where no gateway recorded.

    `group` is one camera group alone. Raises SQLAlchemyError, ValueError.
    """
    folded = store.rows(MINUTE, now - MINUTES_KEPT, now)
    since = folded[-1].start + HOUR if folded else now - SECONDS_KEPT
    rows = [*folded, *hours(store.rows(1, since, now))]
    start = min((row.start for row in rows), default=int(now) - int(now) % HOUR)
    counts = np.full(max(0, math.ceil((now - start) / HOUR)) * BINS, np.nan)
    for row in rows:
        place = (row.start - start) // MINUTE
        part = counts[place : place + BINS]
        here = _posted(row) if group in (None, row.group) else np.where(np.isnan(_posted(row)), np.nan, 0.0)
        part[:] = np.where(np.isnan(part), here, part + np.nan_to_num(here))
    return History(float(start), float(MINUTE), counts[: max(0, int((now - start) // MINUTE))])


def _posted(row: Sixty) -> np.ndarray:
    admitted, refused = np.array(row.admitted, dtype=float), np.array(row.refused, dtype=float)
    return np.where(admitted == NOT_RECORDED, np.nan, admitted + refused)
