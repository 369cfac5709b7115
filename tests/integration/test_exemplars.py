"""A box's answer times in a real Prometheus, and the trace of one of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from edge.camera import Frame
from edge.health.metrics import MeasuredOutcomes, served_metrics
from tests.conftest import eventually, free_ports

QUERY = "edge_answer_seconds_bucket"


@pytest.fixture
def box() -> Iterator[tuple[int, MeasuredOutcomes]]:
    """The port of a box's metrics, and who counts."""
    (port,), registry = free_ports(1), CollectorRegistry()
    outcomes = MeasuredOutcomes(registry)
    with served_metrics(registry, port):
        yield port, outcomes


@pytest.fixture
def prometheus(box: tuple[int, MeasuredOutcomes], tmp_path: Path) -> Iterator[str]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("Prometheus is not installed: apt-get install prometheus")
    (port,) = free_ports(1)
    scraped = {"job_name": "edge", "scrape_interval": "1s", "static_configs": [{"targets": [f"127.0.0.1:{box[0]}"]}]}
    (tmp_path / "prometheus.json").write_text(json.dumps({"scrape_configs": [scraped]}))
    options = ["--enable-feature=exemplar-storage", f"--web.listen-address=127.0.0.1:{port}"]
    options += [f"--config.file={tmp_path}/prometheus.json", f"--storage.tsdb.path={tmp_path}/data"]
    with subprocess.Popen([program, *options], stderr=subprocess.DEVNULL) as process:
        yield f"http://127.0.0.1:{port}"
        process.kill()


def exemplars(prometheus: str) -> list[dict]:
    asked = {"query": QUERY, "start": "0", "end": str(datetime.now(UTC).timestamp() + 60)}
    try:
        found = httpx.get(f"{prometheus}/api/v1/query_exemplars", params=asked).json()["data"]
    except (httpx.HTTPError, ValueError, KeyError):  # before it is ready it answers in plain text
        return []
    return [exemplar for series in found for exemplar in series["exemplars"]]


def test_a_slow_answers_bucket_leads_to_the_trace_of_its_frame(
    box: tuple[int, MeasuredOutcomes], prometheus: str
) -> None:
    frame_id = str(uuid.uuid4())
    frame = Frame(frame_id, "porch", datetime.now(UTC), "button", b"image", "image/jpeg")
    box[1].answered(frame, {"verdict": "known"}, 320.0)

    (found,) = eventually(lambda: exemplars(prometheus))
    assert found["labels"] == {"trace_id": frame_id.replace("-", "")}
    assert float(found["value"]) == pytest.approx(0.32)
