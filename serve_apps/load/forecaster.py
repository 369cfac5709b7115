"""What forecasts, once a minute, from the recorded load to a fact that replicas read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict

from autoscaling.forecast import Forecast, forecast
from serve_apps.load.facts import FORECAST, Facts
from serve_apps.load.history import recorded
from serve_apps.load.rushes_file import WatchedRushes
from serve_apps.load.store import LoadStore

log = logging.getLogger(__name__)

AHEAD_SECONDS = 5400.0
FOLD_SECONDS = 600.0


class Forecaster:
    """`clock` is epoch seconds."""

    def __init__(self, store: LoadStore, facts: Facts, rushes: WatchedRushes, clock: Callable[[], float]) -> None:
        self._store = store
        self._facts = facts
        self._rushes = rushes
        self._clock = clock
        self._folded_at: float | None = None

    def round(self) -> Forecast:
        """Forecast once. Raises SQLAlchemyError, ValueError."""
        now = self._clock()
        if self._folded_at is None or not 0 <= now - self._folded_at < FOLD_SECONDS:
            self._store.fold(now)
            self._folded_at = now
        history = recorded(self._store, now)
        made = forecast(history, now, AHEAD_SECONDS, self._rushes())
        self._facts.write(FORECAST, asdict(made) | {"problem": self._rushes.problem})
        return made
