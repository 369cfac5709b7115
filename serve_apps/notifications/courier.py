"""Takes notices from the outbox to their recipients."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import lru_cache

from structlog.contextvars import bound_contextvars

from cluster.monitoring.meter import SILENT, Meter
from cluster.monitoring.spans import Told
from cluster.monitoring.trace_ids import trace_of_frame
from cluster.security.devices import Turn
from serve_apps.notifications.channels import AppriseChannel, Channel, LogChannel, NotDelivered
from serve_apps.notifications.counts import STATUS, NoticeCounts, channel
from serve_apps.notifications.outbox import Notice, NoticeState, Outbox
from serve_apps.notifications.rules import LOG, Rules, message

log = logging.getLogger(__name__)

AT_ONCE = 8
A_ROUND = 32
LOOK_EVERY = timedelta(seconds=5)
"""How often a courier looks for notices whose courier has died, and for devices that went silent."""


class Courier:
    """Delivers what is due; a slow recipient delays at most those that were taken with it."""

    def __init__(
        self,
        outbox: Outbox,
        rules: Callable[[], Rules],
        notices_log: LogChannel,
        clock: Callable[[], datetime],
        turned: Callable[[datetime, datetime], list[Turn]] = lambda *_: [],
        meter: Meter = SILENT,
        told: Callable[[Told], None] = lambda _: None,
    ) -> None:
        """`told` hears of each try that ended; it must not wait."""
        self._told = told
        self._outbox = outbox
        self._rules = rules
        self._log = notices_log
        self._clock = clock
        self._turned = turned
        self._counts = NoticeCounts(meter)
        self._since = self._taken_at = clock()
        self._id = str(uuid.uuid4())
        self._looked_at: datetime | None = None
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="courier")
        self._apprise = lru_cache(maxsize=64)(AppriseChannel)

    def round(self) -> int:
        """Deliver once around; how many notices were tried."""
        now = self._clock()
        if self._looked_at is None or not self._looked_at <= now < self._looked_at + LOOK_EVERY:  # or a clock set back
            self._looked_at = now
            for notice in self._outbox.expired(now):
                self._resolve(notice)
            for turn in self._turned(now, self._since):
                _tell(turn)
                self._counts.turned()
        self._taken_at = now
        taken = self._outbox.take(self._id, now, A_ROUND)
        logged = [notice for notice in taken if self._is_logged(notice)]
        self._write_down(logged)
        list(self._threads.map(self._deliver, [notice for notice in taken if notice not in logged]))
        return len(taken)

    def _write_down(self, logged: list[Notice]) -> None:
        """All of a round at once: a busy door writes many."""
        if not logged:
            return
        try:
            self._log.send_all([(notice.id, *message(notice.event)) for notice in logged])
        except NotDelivered as error:
            for notice in logged:
                with _named(notice):
                    self._refused(notice, error)
        else:
            self._delivered(logged)

    def _deliver(self, notice: Notice) -> None:
        with _named(notice):
            self._send(notice)

    def _send(self, notice: Notice) -> None:
        title, text = message(notice.event)
        try:
            self._channel(notice.recipient).send(notice.id, title, text)
        except NotDelivered as error:
            self._refused(notice, error)
        else:
            self._delivered([notice])
            log.info("notice.delivered id=%s recipient=%s", notice.id, notice.recipient)

    def _refused(self, notice: Notice, error: NotDelivered) -> None:
        state = self._outbox.refused(notice, str(error), self._clock())
        self._counts.ended(notice.event, self._url(notice), state)
        self._trace(notice, state)
        log.warning("notice.%s id=%s recipient=%s: %s", state.value, notice.id, notice.recipient, error)

    def _delivered(self, notices: list[Notice]) -> None:
        now = self._clock()
        self._outbox.delivered(notices, now)
        for notice in notices:
            self._counts.delivered(notice.event, self._url(notice), now)
            self._trace(notice, NoticeState.DELIVERED)

    def _trace(self, notice: Notice, state: NoticeState) -> None:
        event, ended = notice.event, self._clock()
        kinds = channel(self._url(notice)), event.verdict.value, STATUS[state]
        moments = self._taken_at.timestamp(), ended.timestamp()
        self._told(Told(notice.id, event.frame_id, event.trace_id, *kinds, *moments, notice.attempts))

    def _url(self, notice: Notice) -> str:
        """Of the recipient as the file names it now; nobody who is no more in it is told."""
        return self._rules().urls.get(notice.recipient, LOG if notice.recipient == LOG else "")

    def _resolve(self, notice: Notice) -> None:
        """A courier died while it was sending this."""
        if notice.recipient == LOG and self._log.has(notice.id):
            self._delivered([notice])
        elif notice.recipient == LOG or notice.recipient in self._rules().resend:
            state = self._outbox.refused(notice, "the courier died while it was sending", self._clock())
            self._counts.ended(notice.event, self._url(notice), state)
        else:
            self._outbox.hold(notice)
            self._counts.ended(notice.event, self._url(notice), NoticeState.UNCERTAIN)
            log.error("notice.uncertain id=%s recipient=%s: not sent again", notice.id, notice.recipient)

    def _is_logged(self, notice: Notice) -> bool:
        return notice.recipient == LOG and LOG not in self._rules().urls

    def _channel(self, recipient: str) -> Channel:
        url = self._rules().urls.get(recipient)
        if url is not None:
            return self._apprise(url)
        raise NotDelivered(f"{recipient} is no recipient in the notices file")


def _named(notice: Notice) -> AbstractContextManager[object]:
    """Every line inside says which frame it is about."""
    event = notice.event
    trace = event.trace_id or trace_of_frame(event.frame_id)
    return bound_contextvars(frame_id=event.frame_id, camera=event.camera_id, release=event.release, trace_id=trace)


def _tell(turn: Turn) -> None:
    """In the log, where an operator's alarms look."""
    if turn.silent:
        log.warning("device.silent id=%s name=%r last_seen=%s", turn.id, turn.name, turn.last_seen.isoformat())
    else:
        log.info("device.back id=%s name=%r", turn.id, turn.name)
