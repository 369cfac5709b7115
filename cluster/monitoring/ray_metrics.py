"""Numbers to Ray's metrics, which every node's agent exports for Prometheus. The only module here that knows Ray.

Whoever counts pays an append; a thread hands everything on once a second. Ray reports it every ten seconds, so a
process that is killed loses that much. Of a histogram Ray reports how many values are in each bucket, and makes its sum
from the buckets' middles: quantiles are right, means are not.
"""

from __future__ import annotations

import logging
import threading
from functools import cache
from typing import Any

from ray.util.metrics import Counter, Gauge, Histogram

from cluster.monitoring.family import Family
from cluster.monitoring.meter import SILENT, Meter
from cluster.monitoring.metrics import DROPPED
from cluster.monitoring.waiting import Batch, Labels, Waiting

log = logging.getLogger(__name__)

EXPORT_SECONDS = 1.0
TOTAL = "_total"


class RayMetrics:
    """Ray's metric objects, each made when it is first needed. Used by one thread."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def export(self, batch: Batch) -> int:
        """How many numbers Ray refused."""
        refused = 0
        for (family, labels), value in batch.counted.items():
            refused += self._told(family, labels, "inc", value)
        for (family, labels), value in batch.gauges.items():
            refused += self._told(family, labels, "set", value)
        for family, labels, value in batch.observed:
            refused += self._told(family, labels, "observe", value)
        return refused

    def _told(self, family: Family, labels: Labels, act: str, value: float) -> int:
        metric = self._made.get(family.name) or self._make(family)
        tags = {label.name: given for label, given in zip(family.labels, labels, strict=True)}
        try:
            if act == "inc" and not value:  # a series that is there before its first event: `inc` takes no 0
                metric._record(0.0, tags)
            else:
                getattr(metric, act)(value, tags)
        except (TypeError, ValueError):
            return 1
        return 0

    def _make(self, family: Family) -> Any:
        keys = tuple(label.name for label in family.labels)
        if family.kind == "counter":  # Ray puts the ending back
            made: Any = Counter(family.name.removesuffix(TOTAL), family.help, keys)
        elif family.kind == "gauge":
            made = Gauge(family.name, family.help, keys)
        else:
            made = Histogram(family.name, family.help, list(family.buckets), keys)
        self._made[family.name] = made
        return made


def exporting(waiting: Waiting, seconds: float = EXPORT_SECONDS) -> None:
    """Hand on what waits every so many seconds, as long as the process lives."""
    metrics, pause = RayMetrics(), threading.Event()

    def forever() -> None:
        while not pause.wait(seconds):
            try:
                refused = metrics.export(waiting.taken())
            except Exception:
                # The outermost loop: what comes next is exported, whatever this was.
                log.exception("metrics.not_exported")
                refused = 1
            if refused:
                waiting.add(DROPPED, "metrics", "failed", value=refused)

    threading.Thread(target=forever, name="metrics", daemon=True).start()


@cache
def meter(*, on: bool) -> Meter:
    """This process's: Ray's metrics are one for a process, too."""
    if not on:
        return SILENT
    waiting = Waiting()
    exporting(waiting)
    return waiting
