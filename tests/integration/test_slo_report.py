"""`doorbell slo report` against a real Prometheus that holds a month whose numbers are known."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.observe.outside import store
from tests.conftest import free_ports, missing
from tests.in_process import in_this_process

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
STEP = 240
STEPS_A_DAY = 86_400 // STEP
DAYS = 3


def counted(name: str, each_step: float, since: int = 0) -> list[str]:
    """A counter's samples that grow by so much each step from a step on."""
    steps = range(DAYS * STEPS_A_DAY + 1)
    return [f"{name} {max(0, step - since) * each_step:g} {OCTOBER.timestamp() + step * STEP:.0f}" for step in steps]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Three days of October: 100 frames each four minutes, of which one fails from the third day on."""
    for program in ("prometheus", "promtool"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed; on Debian: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    total = 'stage="total",release="r"'
    series = {
        'pipeline_events_total{status="recorded",release="r"}': (99, 0),
        'pipeline_events_total{status="failed",release="none"}': (1, 2 * STEPS_A_DAY),
        'errors_total{component="database",error_type="OperationalError",severity="error"}': (2, 2 * STEPS_A_DAY),
        'errors_total{component="gateway",error_type="ValueError",severity="warning"}': (9, 0),
        f"pipeline_processing_duration_seconds_count{{{total}}}": (99, 0),
        f'pipeline_processing_duration_seconds_bucket{{{total},le="0.05"}}': (99, 0),
        'pipeline_processing_duration_seconds_sum{stage="embed",release="r"}': (0.7, 0),
    }
    lines = [line for name, (each_step, since) in series.items() for line in counted(name, each_step, since)]
    (folder / "october").write_text("\n".join([*lines, "# EOF", ""]))
    made = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "october"), str(folder / "data")]
    subprocess.run(made, check=True, capture_output=True, timeout=120)
    (folder / "prometheus.yml").write_text("{}\n")
    with store(folder, folder / "data", "--storage.tsdb.retention.time=10y") as url:
        yield url


@pytest.fixture
def october(prometheus: str, tmp_path: Path) -> dict[str, Any]:
    done = in_this_process(tmp_path, "slo", "report", "--month", "2026-10", "--prometheus", prometheus, "--json")
    assert done.returncode == 1, done.stderr  # a budget is gone
    told = json.loads(done.stdout)
    return {each["name"]: each for each in told["objectives"]}


def test_it_says_how_much_of_each_budget_is_spent_and_by_what(october: dict[str, Any]) -> None:
    available = october["availability"]
    assert available["events"] == pytest.approx(DAYS * STEPS_A_DAY * 99 + STEPS_A_DAY, rel=0.01)
    assert available["bad"] == pytest.approx(STEPS_A_DAY, rel=0.01)
    assert available["budget_spent"] == pytest.approx(3.36, rel=0.02)
    assert available["days_with_events"] == DAYS
    assert available["worst_day"]["day"] == "2026-10-03"
    assert [each["release"] for each in available["by"]] == ["none"]
    assert [each["component"] for each in available["blame"]] == ["database"]


def test_a_budget_that_is_whole_and_one_of_which_nothing_is_known(october: dict[str, Any]) -> None:
    assert october["latency"]["budget_spent"] == 0
    assert [each["stage"] for each in october["latency"]["blame"]] == ["embed"]
    assert october["notice_delivery"]["budget_spent"] is None


def test_people_read_a_table(prometheus: str, tmp_path: Path) -> None:
    told = {"DOORBELL_PROMETHEUS_URL": prometheus, "COLUMNS": "150"}
    shown = in_this_process(tmp_path, "slo", "report", "--month", "2026-10", **told).stdout
    assert " 335." in shown
    assert "availability, meanwhile: database OperationalError 720" in shown


def test_a_prometheus_that_is_away_is_one_line_with_the_way_out(tmp_path: Path) -> None:
    done = in_this_process(tmp_path, "slo", "report", "--prometheus", f"http://127.0.0.1:{free_ports(1)[0]}")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "DOORBELL_PROMETHEUS_URL" in done.stderr


def test_something_else_at_its_address_is_said(prometheus: str, tmp_path: Path) -> None:
    done = in_this_process(tmp_path, "slo", "report", "--prometheus", f"{prometheus}/graph")
    assert "is no Prometheus" in done.stderr
