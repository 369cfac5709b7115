"""Who hears of a replica's journeys and notices, where instrumentation is on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from cluster.monitoring.counted import CountedJourneys
from cluster.monitoring.frame_lines import logged
from cluster.monitoring.journey import Finished
from cluster.monitoring.meter import Meter
from cluster.monitoring.metrics import DROPPED, EVENTS
from cluster.monitoring.otlp import Lost
from cluster.monitoring.spans import Told
from cluster.monitoring.tracing import traced_journeys, traced_notices
from serve_apps.replica import own_id


def of_journeys(numbers: Meter, zone: tzinfo | None) -> tuple[Finished, ...]:
    """Each posted frame is counted, has a line in the log, and a trace where somebody asks for traces."""
    # Without a 0 the first failure is no step for `increase`, and a small house has no second one.
    numbers.add(EVENTS, "none", "failed", "none", value=0)
    return (CountedJourneys(numbers, zone), logged, *traced_journeys(_lost(numbers), _process()))


def of_notices(numbers: Meter) -> Callable[[Told], None]:
    """Each try of a notice is part of its frame's trace."""
    return traced_notices(_lost(numbers), _process())


def _lost(numbers: Meter) -> Lost:
    return lambda reason, count: numbers.add(DROPPED, "spans", reason, value=count)


def _process() -> dict[str, str]:
    return {"service.namespace": "doorbell", "service.instance.id": own_id()}
