from __future__ import annotations

import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry

from edge.metrics import MeasuredOutcomes, served_metrics


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Heard:
    def __init__(self) -> None:
        self.frames: list[str] = []

    def answered(self, frame: str, event: dict, milliseconds: float) -> None:
        self.frames.append(frame)

    def refused(self, frame: str, problem: dict) -> None:
        self.frames.append(frame)

    def waiting(self, frame: str, problem: dict, pause_s: float) -> None:
        self.frames.append(frame)


def test_every_outcome_is_counted_and_passed_on() -> None:
    registry, heard = CollectorRegistry(), Heard()
    outcomes = MeasuredOutcomes(heard, registry)

    outcomes.answered("a", {}, 40.0)
    outcomes.refused("b", {})
    outcomes.waiting("c", {}, 1.0)

    assert heard.frames == ["a", "b", "c"]
    for kind in ("answered", "refused", "delayed"):
        assert registry.get_sample_value("edge_frames_total", {"outcome": kind}) == 1.0
    assert registry.get_sample_value("edge_answer_seconds_bucket", {"le": "0.05"}) == 1.0


def test_the_depth_of_the_spool_is_read_when_it_is_scraped(free_port: int) -> None:
    spool: list[str] = []
    with served_metrics(spool, CollectorRegistry(), free_port):
        spool += ["one", "two"]
        assert "edge_spool_frames 2.0" in httpx.get(f"http://127.0.0.1:{free_port}/metrics").text
