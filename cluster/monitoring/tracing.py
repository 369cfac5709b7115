"""Traces of frames and notices, where the standard variables of OpenTelemetry ask for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from cluster.monitoring.journey import Finished, Journey
from cluster.monitoring.otlp import Lost, Outbound, every_seconds, exporter, wanted
from cluster.monitoring.sampling import head_of
from cluster.monitoring.spans import Told, keeps, keeps_notice, span_of_notice, spans_of


def traced_journeys(
    lost: Lost, process: Mapping[str, str], environment: Mapping[str, str] = os.environ
) -> tuple[Finished, ...]:
    """A listener that sends the spans of journeys; none where nobody asks for them."""
    if not wanted(environment):
        return ()
    # A journey has as many spans as stages: the gateway's own is the stage `total`.
    head, out = head_of(environment), Outbound(spans_of, lambda journey: len(journey.stages), exporter(process), lost)
    out.start(every_seconds(environment))

    def finished(journey: Journey) -> None:
        if keeps(head, journey):
            out.put(journey)

    return (finished,)


def traced_notices(
    lost: Lost, process: Mapping[str, str], environment: Mapping[str, str] = os.environ
) -> Callable[[Told], None]:
    """Takes what became of each try of a notice."""
    if not wanted(environment):
        return lambda _: None
    head = head_of(environment)
    out: Outbound[Told] = Outbound(lambda told: [span_of_notice(told)], lambda _: 1, exporter(process), lost)
    out.start(every_seconds(environment))

    def finished(told: Told) -> None:
        if keeps_notice(head, told):
            out.put(told)

    return finished
