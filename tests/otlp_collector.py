"""A collector: takes spans by OTLP over HTTP, as Jaeger and the OpenTelemetry Collector do, and keeps them."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """`mode`: well, refusing (503), or hanging until it is well again."""

    url: str = ""
    mode: str = "well"
    asked: int = 0
    spans: list[tuple[str, Span]] = field(default_factory=list)
    is_well: threading.Event = field(default_factory=threading.Event)

    @property
    def variables(self) -> dict[str, str]:
        """Have spans sent here, soon, with little patience."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }

    def turn(self, mode: str) -> None:
        self.mode = mode
        self.is_well.set() if mode == "well" else self.is_well.clear()

    def trace(self, trace_id: str) -> list[Span]:
        return [span for _, span in self.spans if span.trace_id.hex() == trace_id]

    def tree(self, trace_id: str) -> dict[str, str | None]:
        """The name of each span's parent, by its own; `refresh` comes only where the gallery has changed."""
        spans = self.trace(trace_id)
        names = {span.span_id: span.name for span in spans}
        parents = {span.name: names.get(span.parent_span_id) for span in spans}
        return {name: parent for name, parent in parents.items() if name != "refresh"}

    def services(self, trace_id: str) -> dict[str, str]:
        """The service of each span, by its name."""
        return {span.name: service for service, span in self.spans if span.trace_id.hex() == trace_id}

    def take(self, body: bytes) -> None:
        asked = ExportTraceServiceRequest.FromString(body)
        for resource in asked.resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.spans += [(names["service.name"], span) for scope in resource.scope_spans for span in scope.spans]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens on loopback."""
    collector = Collector()
    collector.turn("well")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.asked += 1
            if collector.mode == "hanging":
                collector.is_well.wait(60)
            status = 503 if collector.mode == "refusing" else 200 if self.path == "/v1/traces" else 404
            if status == 200:
                collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collector
    finally:
        collector.turn("well")
        server.shutdown()
        server.server_close()
