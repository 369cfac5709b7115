"""The recorded load in figures."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from autoscaling.history import BadHistory, History
from cluster.cli.access import database
from serve_apps.load.counts import Sixty
from serve_apps.load.history import recorded
from serve_apps.load.store import MINUTE, LoadStore


@dataclass(frozen=True, slots=True)
class Group:
    """Posted frames of one camera group in the last minutes; `most_per_s` in the busiest second."""

    name: str
    frames: int
    per_s: float
    refused_per_s: float
    most_per_s: int


@dataclass(frozen=True, slots=True)
class Report:
    """`since` is when the first known minute began (epoch seconds), `missing` how many since then are not known."""

    minutes: int
    groups: tuple[Group, ...]
    since: float | None
    missing: int
    rows: int
    bytes: int

    def as_json(self) -> dict[str, Any]:
        """As printed."""
        return asdict(self)


def reported(store: LoadStore, now: float, minutes: int) -> Report:
    """Of the last minutes, the present one among them. Raises SQLAlchemyError, ValueError."""
    since = int(now) - int(now) % MINUTE - (minutes - 1) * MINUTE
    history = recorded(store, now)
    known = np.flatnonzero(np.isfinite(history.counts))
    rows, size = store.size()
    first = None if not len(known) else history.start + int(known[0]) * MINUTE
    missing = 0 if not len(known) else len(history.counts) - int(known[0]) - len(known)
    return Report(minutes, tuple(_groups(store.rows(1, since, now + 1), now - since)), first, missing, rows, size)


def of_this_cluster() -> History:
    """Everything that is recorded in the database of the settings. Raises BadHistory when that is nothing."""
    history = recorded(LoadStore(database()), time.time())
    if not np.isfinite(history.counts).any():
        raise BadHistory("no load was recorded yet; let the cluster run for a while, or give a file with --load")
    return history


def _groups(rows: Iterable[Sixty], seconds: float) -> Iterable[Group]:
    posted: dict[str, dict[int, np.ndarray]] = defaultdict(dict)
    refused: dict[str, int] = defaultdict(int)
    for row in rows:
        both = np.array(row.admitted) + np.array(row.refused)
        posted[row.group][row.start] = posted[row.group].get(row.start, 0) + both
        refused[row.group] += sum(row.refused)
    for name in sorted(posted):
        counts = np.concatenate(list(posted[name].values()))
        frames = int(counts.sum())
        yield Group(name, frames, frames / seconds, refused[name] / seconds, int(counts.max()))
