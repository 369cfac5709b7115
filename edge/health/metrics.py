"""A box's own metrics, for a Prometheus that scrapes it on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge.camera import Frame
from edge.errors import Problem
from edge.listener import Event, Listener
from edge.spans import trace_of

ANSWER_BUCKETS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0)
"""Seconds; 0.05 is the promise."""
TAKEN_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Seconds from the trigger until the frame is on disk."""


class MeasuredOutcomes(Listener):
    """Counts the fate of each frame. Each bucket of the answers' times has a frame's trace as its exemplar."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._taken = Counter("edge_frames_taken", "Frames on disk.", ["camera", "trigger"], registry=registry)
        self._lost = Counter("edge_frames_lost", "Triggers without a frame.", ["camera"], registry=registry)
        self._outcomes = Counter("edge_frames", "Tries by what the gateway said.", ["outcome"], registry=registry)
        self._sent = Counter("edge_sent_bytes", "Bytes of the frames that arrived.", registry=registry)
        self._verdicts = Counter("edge_verdicts", "Answers by verdict.", ["verdict"], registry=registry)
        self._spooled = Histogram(
            "edge_taken_seconds", "From trigger to disk.", buckets=TAKEN_BUCKETS, registry=registry
        )
        self._answers = Histogram(
            "edge_answer_seconds", "From capture to answer.", buckets=ANSWER_BUCKETS, registry=registry
        )

    def taken(self, frame: Frame, milliseconds: float) -> None:
        self._taken.labels(frame.camera_id, frame.trigger).inc()
        self._spooled.observe(milliseconds / 1000)

    def lost(self, camera_id: str, reason: str) -> None:
        self._lost.labels(camera_id).inc()

    def answered(self, frame: Frame, event: Event, milliseconds: float) -> None:
        self._outcomes.labels("answered").inc()
        self._sent.inc(len(frame.image))
        self._verdicts.labels(str(event.get("verdict"))).inc()
        self._answers.observe(milliseconds / 1000, {"trace_id": trace_of(frame.frame_id)})

    def refused(self, frame: Frame, problem: Problem) -> None:
        self._outcomes.labels("refused").inc()

    def waiting(self, frame: Frame, problem: Problem, pause_s: float) -> None:
        self._outcomes.labels("delayed").inc()


Gauges = Mapping[str, tuple[str, float | None]]
"""Name -> help and value; None where it is not known, which leaves it out."""
Counts = Mapping[str, tuple[str, str, Mapping[str, float]]]
"""Name -> help, the name of the one label, and label -> count."""


class Readings(Collector):
    """Asks for everything that somebody else counts at the moment of the scrape."""

    def __init__(self, gauges: Callable[[], Gauges], counts: Callable[[], Counts]) -> None:
        self._gauges = gauges
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        for name, (explained, value) in self._gauges().items():
            if value is not None:
                yield GaugeMetricFamily(name, explained, value=value)
        for name, (explained, label, counts) in self._counts().items():
            family = CounterMetricFamily(name, explained, labels=[label])
            for key, count in counts.items():
                family.add_metric([key], count)
            yield family


@contextmanager
def served_metrics(registry: CollectorRegistry, port: int) -> Iterator[None]:
    """Serve the registry and this process's own figures on 127.0.0.1. Raises OSError when the port is taken."""
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
