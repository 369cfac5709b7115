"""Takes a release back when an alert comes after its rollout has ended.

A switch is taken back once at the most: a rollback is a switch, too, and none is ever taken back from here. Nothing is
kept in memory that matters: a guard that was killed in the middle, and is started again, finds either the release still
live, and takes it back, or the other one, and leaves it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from cluster.deployment.history import History, claimed
from cluster.deployment.rollback import Standby, to_standby
from cluster.deployment.rollout import Rollout
from cluster.security.alerts import Alert


def guarded(switch: Rollout | None, now: datetime, within: timedelta) -> Rollout | None:
    """The switch that an alert may still take back."""
    if switch is None or switch.is_rollback or now - switch.updated_at > within:
        return None
    return switch


class Guard:
    """`reach` opens the cluster, `within` is how long a switch may be taken back."""

    def __init__(
        self,
        history: History,
        reach: Callable[[], AbstractContextManager[Standby]],
        clock: Callable[[], datetime],
        within: timedelta,
    ) -> None:
        self._history = history
        self._reach = reach
        self._clock = clock
        self._within = within
        self._refused: str | None = None
        """The switch that cannot be taken back, which was said once."""

    def look(self) -> str | None:
        """Look once; what was done, if anything. Raises RolloutError, ServeError, StateError: try again later."""
        switch = self._due()
        alert = self._history.alert_against(switch) if switch else None
        if switch is None or alert is None:
            return None
        with self._reach() as cluster, claimed(self._history, self._clock) as number:
            if self._due() != switch:
                return None  # somebody was faster
            return self._take_back(switch, alert, cluster, number)

    def _due(self) -> Rollout | None:
        if self._history.unfinished() is not None:
            return None  # its driver looks at alerts itself
        switch = guarded(self._history.last_switch(), self._clock(), self._within)
        return None if switch is None or switch.id == self._refused else switch

    def _take_back(self, switch: Rollout, alert: Alert, cluster: Standby, number: int) -> str:
        state, now = cluster.state(), self._clock()
        if state.releases[state.live].name != switch.release:
            self._refused = switch.id
            return f"{alert}: {state.releases[state.live].name} is live instead of {switch.release}; nothing is done"
        if state.idle not in state.releases:
            self._refused = switch.id
            return f"{alert}: no release stands by that could take the traffic of {switch.release}; nothing is done"
        self._history.note(switch, "alert.takes_back", number, now, fingerprint=alert.fingerprint)
        row = to_standby(cluster, self._history, number, now, str(alert))
        return f"{row.release} has the traffic again: {row.why}"
