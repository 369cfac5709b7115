"""Spans to a collector by OTLP, from a thread of its own: a collector that is away or hangs costs spans, no visitor."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from cluster.monitoring.spans import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

log = logging.getLogger(__name__)

T = TypeVar("T")

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
FULL, UNREACHABLE = "full", "unreachable"
MOST_WAITING = 2048
A_BATCH = 128
EVERY_SECONDS = 2.0

Lost = Callable[[str, int], None]
"""Called with the reason and how many spans are lost."""


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for spans: an endpoint is given, and nothing switches them off."""
    return (
        any(environment.get(name) for name in ENDPOINTS)
        and environment.get("OTEL_SDK_DISABLED", "").lower() != "true"
        and environment.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp"
    )


def every_seconds(environment: Mapping[str, str]) -> float:
    """How often spans leave: OTEL_BSP_SCHEDULE_DELAY in milliseconds, or 2 s."""
    text = environment.get("OTEL_BSP_SCHEDULE_DELAY", "")
    return max(0.05, int(text) / 1000) if text.isdecimal() else EVERY_SECONDS


class Outbound(Generic[T]):
    """Items that become spans in the thread, and leave.

    `size` tells beforehand how many spans an item is. `export` sends a batch and says whether it was taken.
    """

    def __init__(
        self,
        spans_of: Callable[[T], Sequence[Span]],
        size: Callable[[T], int],
        export: Callable[[Sequence[Span]], bool],
        lost: Lost,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._spans_of = spans_of
        self._size = size
        self._export = export
        self._lost = lost
        self._most_waiting = most_waiting
        self._waiting: deque[T] = deque()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._away = False

    def put(self, item: T) -> None:
        """Never waits: where too many wait already, this one is lost."""
        if len(self._waiting) >= self._most_waiting:
            self._lost(FULL, self._size(item))
        else:
            self._waiting.append(item)

    def start(self, every: float) -> None:
        """Send what waits every so many seconds, as long as the process lives or until `close`."""

        def run() -> None:
            while not self._ending.wait(every):
                self._round()
            self._round()

        self._thread = threading.Thread(target=run, name="spans", daemon=True)
        self._thread.start()

    def close(self, seconds: float = 2.0) -> None:
        """Send what waits, if that takes no longer than so many seconds."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _round(self) -> None:
        try:
            while self._waiting:
                self.send()
        except Exception:
            # The outermost loop: the next spans are sent, whatever it was.
            log.exception("spans.round_failed")

    def send(self) -> None:
        """Send a batch."""
        items = [self._waiting.popleft() for _ in range(min(A_BATCH, len(self._waiting)))]
        spans = [span for item in items for span in self._spans_of(item)]
        taken = self._export(spans)
        if not taken:
            self._lost(UNREACHABLE, len(spans))
        if taken == self._away:
            self._away = not taken
            log.warning("spans.taken_again" if taken else "spans.not_taken: the collector is away, spans are lost")


def exporter(process: Mapping[str, str]) -> Callable[[Sequence[Span]], bool]:
    """Sends spans where the standard variables say, with their headers, certificates, compression and timeout.

    `process` are attributes of every resource. Imported here, since only who exports needs the memory.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace.export import SpanExportResult

    for name in ("opentelemetry.exporter", "opentelemetry.sdk"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a line for each failed batch would be a flood
    sender = OTLPSpanExporter()
    resources: dict[str, Resource] = {}

    def export(spans: Sequence[Span]) -> bool:
        for service in {span.service for span in spans} - resources.keys():
            resources[service] = Resource.create({**process, SERVICE_NAME: service})
        readable = [_readable(span, resources[span.service]) for span in spans]
        return sender.export(readable) is SpanExportResult.SUCCESS

    return export


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    trace, kept = int(span.trace_id, 16), TraceFlags(TraceFlags.SAMPLED)
    parent = (
        None
        if span.parent_id is None
        else SpanContext(trace, int(span.parent_id, 16), is_remote=True, trace_flags=kept)
    )
    return ReadableSpan(
        span.name,
        SpanContext(trace, int(span.span_id, 16), is_remote=False, trace_flags=kept),
        parent,
        resource,
        dict(span.attributes),
        kind=SpanKind[span.kind.upper()],
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(),
        start_time=int(span.began * 1e9),
        end_time=int(span.ended * 1e9),
    )
