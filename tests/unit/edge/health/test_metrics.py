from __future__ import annotations

import socket
from collections.abc import Callable

import httpx
import pytest
from prometheus_client import CollectorRegistry

from edge.camera import Frame
from edge.health.metrics import MeasuredOutcomes, Readings, served_metrics

FrameMaker = Callable[..., Frame]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_outcome_is_counted(a_frame: FrameMaker) -> None:
    registry, frame = CollectorRegistry(), a_frame()
    outcomes = MeasuredOutcomes(registry)

    outcomes.taken(frame, 12.0)
    outcomes.lost("front-door", "no picture")
    outcomes.answered(frame, {"verdict": "known"}, 40.0)
    outcomes.refused(frame, {})
    outcomes.waiting(frame, {}, 1.0)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    for kind in ("answered", "refused", "delayed"):
        assert value("edge_frames_total", outcome=kind) == 1.0
    assert value("edge_frames_taken_total", camera="front-door", trigger="button") == 1.0
    assert value("edge_frames_lost_total", camera="front-door") == 1.0
    assert value("edge_verdicts_total", verdict="known") == 1.0
    assert value("edge_sent_bytes_total") == len(frame.image)
    assert value("edge_answer_seconds_bucket", le="0.05") == 1.0
    assert value("edge_taken_seconds_bucket", le="0.02") == 1.0


def test_what_others_count_is_read_when_it_is_scraped(free_port: int) -> None:
    spool: list[str] = []
    registry = CollectorRegistry()
    registry.register(
        Readings(
            lambda: {"edge_spool_frames": ("Waiting.", float(len(spool))), "edge_heat": ("Unknown here.", None)},
            lambda: {"edge_frames_dropped": ("Gone.", "reason", {"full": 3.0})},
        )
    )
    with served_metrics(registry, free_port):
        spool += ["one", "two"]
        page = httpx.get(f"http://127.0.0.1:{free_port}/metrics").text

    assert "edge_spool_frames 2.0" in page
    assert 'edge_frames_dropped_total{reason="full"} 3.0' in page
    assert "edge_heat" not in page
    assert "process_resident_memory_bytes" in page
