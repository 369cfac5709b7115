"""A metric is pushed over, and a real Alertmanager tells of what a real Prometheus sees in it."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.observe.made_up_nodes import Node, counts, stays, steps
from benchmarks.observe.pushed import seconds_to_receive
from benchmarks.observe.worlds import World
from tests.conftest import missing

GUESSED = 'ray_security_events_total{event_type="guesses_refused",source="api",action_taken="refused"}'


def guessed(_: float) -> list[World]:
    heard, not_heard = {"alertname": "SecurityEvent", "severity": "page"}, {"alertname": "HighCPUUsage"}
    frames = 'ray_pipeline_events_total{status="recorded",release="r"}'
    node = Node("127.0.0.1", {GUESSED: steps(None, 1), frames: counts(1, 1), "ray_node_mem_total": stays(1)})
    return [World([node], [heard, not_heard])]


def test_it_says_after_how_many_seconds_and_of_what_nobody_was_told(tmp_path: Path) -> None:
    for program in ("prometheus", "promtool", "prometheus-alertmanager"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed; on Debian: apt-get install prometheus prometheus-alertmanager")

    security, processors = seconds_to_receive(tmp_path, 1, guessed, begin=8, most=25)

    assert security["severity"] == "page"
    assert security["seconds_to_receive"] is not None
    assert processors["seconds_to_receive"] is None
