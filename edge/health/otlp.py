"""Spans to a collector by OTLP, where the standard variables of OpenTelemetry ask for it, from a thread of its own.

A collector that is away or hangs costs spans, and no picture.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Thread
from typing import TYPE_CHECKING

import structlog

from edge.spans import SERVICE, Span

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

log = structlog.get_logger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SHARES = {"always_on": 1.0, "always_off": 0.0}
EVERY_S = 2.0
MOST_WAITING = 1000
_A_BATCH = 128

Export = Callable[[Sequence[Span]], bool]
"""Sends spans and says whether they were taken."""


def asked_for(environment: Mapping[str, str]) -> bool:
    """Whether an endpoint is given, and nothing switches spans off."""
    return (
        any(environment.get(name) for name in ENDPOINTS)
        and environment.get("OTEL_SDK_DISABLED", "").lower() != "true"
        and environment.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp"
    )


def share_of(environment: Mapping[str, str]) -> float:
    """The share of traces to keep, 0 to 1, by OTEL_TRACES_SAMPLER and its argument; all where they make no sense."""
    kind = environment.get("OTEL_TRACES_SAMPLER", "").removeprefix("parentbased_")
    if kind != "traceidratio":
        return SHARES.get(kind, 1.0)
    try:
        share = float(environment.get("OTEL_TRACES_SAMPLER_ARG") or 1.0)
    except ValueError:
        return 1.0
    return share if 0 <= share <= 1 else 1.0


class Outbound:
    """What waits for the collector; `dropped` counts by reason the spans that were lost."""

    def __init__(self, export: Callable[[], Export], every_s: float = EVERY_S) -> None:
        """`export` is called in the thread: its libraries take a second to load on a small box."""
        self.dropped: Counter[str] = Counter({"full": 0, "unreachable": 0})
        self._export = export
        self._every_s = every_s
        self._waiting: deque[Span] = deque()
        self._ending = Event()
        self._thread = Thread(target=self._run, name="spans", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, spans: Sequence[Span]) -> None:
        """Never waits."""
        if len(self._waiting) + len(spans) > MOST_WAITING:
            self.dropped["full"] += len(spans)
        else:
            self._waiting.extend(spans)

    def close(self, within_s: float = 2.0) -> None:
        """Send what waits, if that takes no longer than so many seconds."""
        self._ending.set()
        self._thread.join(within_s)

    def _run(self) -> None:
        try:
            export = self._export()
            while not self._ending.wait(self._every_s):
                self._send(export)
            self._send(export)
        except Exception:
            # The outermost loop of this thread: pictures go on without it.
            log.exception("spans.ended")

    def _send(self, export: Export) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_A_BATCH, len(self._waiting)))]
            if not export(batch):
                self.dropped["unreachable"] += len(batch)


def exporter() -> Export:
    """Sends where the standard variables say, with their headers, certificates, compression and timeout."""
    import logging

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace.export import SpanExportResult

    for name in ("opentelemetry.exporter", "opentelemetry.sdk"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a line for each failed batch would be a flood
    sender, resource = OTLPSpanExporter(), Resource.create({SERVICE_NAME: SERVICE})
    return lambda spans: sender.export([_readable(span, resource) for span in spans]) is SpanExportResult.SUCCESS


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    trace, kept = int(span.trace_id, 16), TraceFlags(TraceFlags.SAMPLED)
    parent = span.parent_id and SpanContext(trace, int(span.parent_id, 16), is_remote=False, trace_flags=kept)
    return ReadableSpan(
        span.name,
        SpanContext(trace, int(span.span_id, 16), is_remote=False, trace_flags=kept),
        parent or None,
        resource,
        dict(span.attributes),
        kind=SpanKind.CLIENT if span.name == "upload" else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(),
        start_time=int(span.began * 1e9),
        end_time=int(span.ended * 1e9),
    )
