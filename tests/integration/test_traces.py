"""Traces of a real cluster and a real box, in a real collector."""

from __future__ import annotations

import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.observe.scrape import scraped, series
from cluster.monitoring.metrics import DROPPED
from cluster.temporary import temp_folder
from tests.conftest import eventually
from tests.integration.box import Box, logged, running, video
from tests.otlp_collector import Collector

__all__ = ["video"]

POSTED = "POST /api/v1/frames"
IN_THE_CLUSTER = {
    **dict.fromkeys(("admit", "lookup", "recognize", "record"), POSTED),
    **dict.fromkeys(("decode", "detect", "align", "embed", "match"), "recognize"),
}


def post(household, image: bytes, frame_id: str | None = None, **headers: str) -> tuple[int, str]:
    """Status, and the trace of the frame."""
    frame_id = frame_id or str(uuid.uuid4())
    sent = {"X-Camera-Id": "porch", "Idempotency-Key": frame_id, "Content-Type": "image/jpeg"} | headers
    with household.client() as api:
        return api.post("/api/v1/frames", content=image, headers=sent).status_code, frame_id.replace("-", "")


@pytest.fixture(autouse=True)
def well(collector: Collector):
    yield
    collector.turn("well")


def test_one_tree_reaches_from_the_boxs_trigger_to_the_notice(
    household, collector: Collector, tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in collector.variables.items():
        monkeypatch.setenv(name, value)
    box = Box(household, tmp_path, {"id": "traced-door", "driver": "video", "source": str(video), "loop": True})
    box.enrol()
    with running(box.config, box.log):
        assert eventually(lambda: logged(box.log, "camera.well"))
        trace = box.press().replace("-", "")
        eventually(lambda: {"notice", "trigger", "embed"} <= collector.tree(trace).keys())

    in_the_box = {"trigger": None, **dict.fromkeys(("capture", "spool", "upload"), "trigger")}
    assert collector.tree(trace) == in_the_box | {POSTED: "upload"} | IN_THE_CLUSTER | {"notice": POSTED}
    services = collector.services(trace)
    assert (services["upload"], services[POSTED]) == ("doorbell-edge", "doorbell-gateway")
    assert (services["embed"], services["notice"]) == ("doorbell-recognizer", "doorbell-courier")


def test_every_span_lies_in_its_parent(household, collector: Collector, frames: dict[str, bytes]) -> None:
    _, trace = post(household, frames["resident"])
    eventually(lambda: {"notice", "embed"} <= collector.tree(trace).keys())

    spans = {span.span_id: span for span in collector.trace(trace)}
    inside = [span for span in spans.values() if span.parent_span_id and span.name not in ("notice", "refresh")]
    assert len(inside) == 9
    for span in inside:
        parent = spans[span.parent_span_id]
        slack = 1_000_000  # the clocks are read one after the other
        assert parent.start_time_unix_nano - slack <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= parent.end_time_unix_nano + slack


@pytest.mark.parametrize("mode", ["refusing", "hanging"])
def test_frames_are_answered_while_the_collector_is_away(
    household, collector: Collector, frames: dict[str, bytes], mode: str
) -> None:
    lost, began = lost_spans(household), datetime.now(UTC)
    collector.turn(mode)
    before = collector.asked
    statuses = [post(household, frames["stranger"])[0] for _ in range(10)]
    assert eventually(lambda: collector.asked > before)
    assert eventually(lambda: "spans.not_taken" in told(household, began))
    assert eventually(lambda: lost_spans(household) > lost)
    collector.turn("well")
    statuses += [post(household, frames["stranger"])[0]]
    _, trace = post(household, frames["resident"])

    assert statuses == [200] * 11
    assert eventually(lambda: POSTED in collector.tree(trace))


def lost_spans(household) -> float:
    """By a scrape of Ray's targets."""
    found = series(scraped(temp_folder(household.data))).get(DROPPED.exported, {})
    return found.get((("reason", "unreachable"), ("signal", "spans")), 0.0)


def told(household, since: datetime) -> str:
    """What the gateway has logged from that second on."""
    dashboard = f"http://127.0.0.1:{household.ports.dashboard}"
    moment = f"{since:%Y-%m-%dT%H:%M:%SZ}"
    found = household.doorbell("logs", "--since", moment, "--where", "application=gateway", "--dashboard", dashboard)
    return found.stdout


def test_a_box_goes_on_without_a_collector(
    household, tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    box = Box(household, tmp_path, {"id": "untraced-door", "driver": "video", "source": str(video), "loop": True})
    box.enrol()
    with running(box.config, box.log):
        assert eventually(lambda: logged(box.log, "camera.well"))
        frame = box.press()
        assert eventually(lambda: box.event(frame))


def test_a_process_that_nobody_asks_for_spans_does_not_load_the_exporter() -> None:
    check = "import sys, serve_apps.app, edge.wiring; print('opentelemetry.exporter.otlp' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)

    assert found.stdout.split()[-1] == "False"
