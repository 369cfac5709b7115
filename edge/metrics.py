"""A box's own metrics, for a Prometheus that scrapes it on loopback."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from edge.errors import Problem
from edge.gateway import Event
from edge.uploader import Listener

ANSWER_BUCKETS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0)
"""Seconds; 0.05 is the promise."""


class MeasuredOutcomes:
    """Counts the fate of each frame, and passes it on to another listener."""

    def __init__(self, listener: Listener, registry: CollectorRegistry) -> None:
        self._listener = listener
        self._frames = Counter("edge_frames", "Frames by what the gateway said.", ["outcome"], registry=registry)
        self._answers = Histogram(
            "edge_answer_seconds", "From capture to answer.", buckets=ANSWER_BUCKETS, registry=registry
        )

    def answered(self, frame: str, event: Event, milliseconds: float) -> None:
        self._frames.labels("answered").inc()
        self._answers.observe(milliseconds / 1000)
        self._listener.answered(frame, event, milliseconds)

    def refused(self, frame: str, problem: Problem) -> None:
        self._frames.labels("refused").inc()
        self._listener.refused(frame, problem)

    def waiting(self, frame: str, problem: Problem, pause_s: float) -> None:
        self._frames.labels("delayed").inc()
        self._listener.waiting(frame, problem, pause_s)


@contextmanager
def served_metrics(spool: Sized, registry: CollectorRegistry, port: int) -> Iterator[None]:
    """Serve the registry and the spool's depth on 127.0.0.1. Raises OSError when the port is taken."""
    depth = Gauge("edge_spool_frames", "Frames that wait on disk.", registry=registry)
    depth.set_function(lambda: len(spool))
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
