"""What became of notices, as numbers."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from cluster.monitoring.meter import Meter
from cluster.monitoring.metrics import NOTICES, PRESS_TO_NOTICE
from serve_apps.events.event import Event
from serve_apps.notifications.outbox import NoticeState
from serve_apps.notifications.rules import LOG

STATUS = {
    NoticeState.DELIVERED: "delivered",
    NoticeState.PENDING: "retried",
    NoticeState.FAILED: "gave_up",
    NoticeState.UNCERTAIN: "uncertain",
}


class NoticeCounts:
    """Counts by the scheme of the recipient's URL, which is all of it that is no secret."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._begun: set[tuple[str, str]] = set()

    def delivered(self, event: Event, url: str, now: datetime) -> None:
        """A channel took it; how long that was after the trigger, by the cluster's clock."""
        self.ended(event, url, NoticeState.DELIVERED)
        self._meter.observe(PRESS_TO_NOTICE, max(0.0, (now - event.captured_at).total_seconds()), channel(url))

    def ended(self, event: Event, url: str, state: NoticeState) -> None:
        """A try ended like this."""
        which = channel(url), event.verdict.value
        if which not in self._begun:  # without a 0 the first notice that is given up is no step for `increase`
            self._begun.add(which)
            for status in STATUS.values():
                self._meter.add(NOTICES, *which, status, value=0)
        self._meter.add(NOTICES, *which, STATUS[state])

    def turned(self) -> None:
        """That a device went silent or came back was told, in the log."""
        self._meter.add(NOTICES, LOG, "device", STATUS[NoticeState.DELIVERED])


def channel(url: str) -> str:
    """The scheme, lower case; the notices' log is one too."""
    return LOG if url == LOG else urlsplit(url).scheme.lower()
