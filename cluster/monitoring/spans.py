"""A finished journey, or a notice, as spans. Nothing here knows OpenTelemetry's SDK."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cluster.monitoring.journey import Journey, Stage
from cluster.monitoring.sampling import SLOW_SECONDS, Head
from cluster.monitoring.trace_ids import gateway_span, parent_of, span_id_of, trace_id_of

SERVER, CLIENT, INTERNAL = "server", "client", "internal"
GATEWAY, RECOGNIZER, COURIER = "doorbell-gateway", "doorbell-recognizer", "doorbell-courier"
POSTED = "POST /api/v1/frames"
IN_A_RECOGNIZER = ("decode", "detect", "align", "embed", "refresh", "match")
IN_THE_DATABASE = ("lookup", "record")

Attributes = Mapping[str, str | float | bool]


@dataclass(frozen=True, slots=True)
class Span:
    """Ids are hex digits, moments epoch seconds; `error` is empty where it went well. `parent_id` None is a root."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    began: float
    ended: float
    service: str
    kind: str = INTERNAL
    attributes: Attributes = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A notice's way to one recipient: one try, from taking it to what the channel said. Moments are epoch seconds."""

    notice_id: str
    frame_id: str
    trace_id: str | None
    channel: str
    kind: str
    status: str
    began: float
    ended: float
    attempts: int = 1


def keeps(head: Head, journey: Journey) -> bool:
    """By the head's decision; errors and slow answers always."""
    trace = trace_id_of(journey.traceparent, journey.frame_id)
    parent = parent_of(journey.traceparent)
    return (
        journey.status == "failed"
        or duration(journey) > SLOW_SECONDS
        or (trace is not None and head.keeps(trace, parent.sampled if parent else None))
    )


def duration(journey: Journey) -> float:
    """Seconds from the first byte to the answer's last; 0 for a journey that has not ended."""
    return next((stage.seconds for stage in journey.stages if stage.name == "total"), 0.0)


def spans_of(journey: Journey) -> list[Span]:
    """The gateway's span, its stages below it, and below the call of the recognizer the recognizer's."""
    trace = trace_id_of(journey.traceparent, journey.frame_id) or secrets.token_hex(16)
    parent = parent_of(journey.traceparent)
    # Only the answer that made the event has the id that its notices find; a repetition is a span of its own.
    recorded = journey.status == "recorded" and journey.frame_id is not None
    own = gateway_span(trace, journey.frame_id or "") if recorded else secrets.token_hex(8)
    gateway = Span(
        POSTED,
        trace,
        own,
        parent.span_id if parent else None,
        journey.began,
        journey.began + duration(journey),
        GATEWAY,
        SERVER,
        _attributes(journey),
        (journey.error or "failed") if journey.status == "failed" else "",
    )
    return [gateway, *_stages(gateway, journey)]


def _attributes(journey: Journey) -> Attributes:
    known = {
        "http.request.method": "POST",
        "http.route": "/api/v1/frames",
        "doorbell.status": journey.status,
        "doorbell.frame_id": journey.frame_id,
        "doorbell.camera": journey.camera_id,
        "doorbell.trigger": journey.trigger,
        "doorbell.release": journey.release,
        "doorbell.verdict": journey.verdict,
        "doorbell.error": journey.error,
    }
    return {name: value for name, value in known.items() if value is not None}


def _stages(gateway: Span, journey: Journey) -> Iterable[Span]:
    calls = [stage for stage in journey.stages if stage.name == "recognize"]
    inner = [stage for stage in journey.stages if stage.name in IN_A_RECOGNIZER]
    asked = span_id_of(gateway.trace_id, gateway.span_id, "recognize")
    by = {"doorbell.replica": journey.replica} if journey.replica else {}
    for stage in journey.stages:
        if stage.name not in (*IN_A_RECOGNIZER, "total"):
            of_the_database = {"db.operation.name": stage.name} if stage.name in IN_THE_DATABASE else {}
            span = _span(stage, gateway, GATEWAY, of_the_database)
            yield replace(span, span_id=asked, kind=CLIENT) if stage.name == "recognize" else span
    for stage in placed(inner, calls[-1]) if calls else inner:
        parent = replace(gateway, span_id=asked) if calls else gateway
        yield _span(stage, parent, RECOGNIZER, by)


def _span(stage: Stage, parent: Span, service: str, attributes: Attributes) -> Span:
    ended = stage.began + stage.seconds
    own = secrets.token_hex(8)
    return Span(stage.name, parent.trace_id, own, parent.span_id, stage.began, ended, service, attributes=attributes)


def placed(inner: Sequence[Stage], call: Stage) -> Sequence[Stage]:
    """The stages by the caller's clock: another node's may be wrong. Then they are put in the middle of the call."""
    if not inner:
        return inner
    first = min(stage.began for stage in inner)
    last = max(stage.began + stage.seconds for stage in inner)
    if call.began <= first and last <= call.began + call.seconds:
        return inner
    shift = call.began + call.seconds / 2 - (first + last) / 2
    return [stage._replace(began=stage.began + shift) for stage in inner]


def keeps_notice(head: Head, told: Told) -> bool:
    """As the frame's own trace; what was not delivered always."""
    return told.status != "delivered" or head.keeps(_trace_of(told))


def span_of_notice(told: Told) -> Span:
    """Below the gateway's span of the answer that recorded the event."""
    trace = _trace_of(told)
    return Span(
        "notice",
        trace,
        secrets.token_hex(8),
        gateway_span(trace, told.frame_id),
        told.began,
        told.ended,
        COURIER,
        CLIENT,
        {
            "doorbell.notice_id": told.notice_id,
            "doorbell.frame_id": told.frame_id,
            "doorbell.channel": told.channel,
            "doorbell.notification_type": told.kind,
            "doorbell.status": told.status,
            "doorbell.attempts": told.attempts,
        },
        "" if told.status == "delivered" else told.status,
    )


def _trace_of(told: Told) -> str:
    return told.trace_id or trace_id_of(None, told.frame_id) or ""
