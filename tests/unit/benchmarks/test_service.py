from __future__ import annotations

import json

import pytest

from benchmarks.floor import Floor, Process
from benchmarks.run import Counted, Run, Spent, summary
from benchmarks.service import ServiceReport, flatness

FLOOR = Floor((Process(frames=600, seconds=10.0, cpu_seconds=9.0), Process(frames=400, seconds=10.0, cpu_seconds=9.0)))
SLOWER = Floor((Process(frames=300, seconds=10.0, cpu_seconds=9.0), Process(frames=500, seconds=10.0, cpu_seconds=9.0)))


def run_of(cameras: int, requests_per_second: float) -> Run:
    """Ten seconds on two cores: a tenth of them the load generator's, 15 s the service's."""
    frames = int(requests_per_second * 10)
    counted = Counted(10.0, 2.0, [20.0] * frames, {"200": frames}, [frames // cameras] * cameras)
    return summary(counted, Spent({"gateway": 15.0}, load=2.0, idle=1.0, all=20.0))


def test_the_floor_is_what_all_processes_do_together() -> None:
    assert FLOOR.frames_per_second == 100.0
    assert FLOOR.cpu_seconds_per_frame == 0.018
    assert FLOOR.cpu_share == 0.9
    assert json.loads(json.dumps(FLOOR.as_json()))["frames_per_second"] == 100.0


def test_the_service_is_compared_with_the_floor_that_the_load_generator_left_over() -> None:
    found = ServiceReport([run_of(1, 60), run_of(8, 72)], [], 2, (FLOOR, SLOWER)).as_json()

    assert found["floor"]["frames_per_second"] == 90.0
    assert found["load_generator_share"] == 0.1
    assert found["floor_fraction"] == pytest.approx(72 / (90 * 0.9), abs=1e-4)
    assert found["floor_fraction_by_cpu"] == pytest.approx((0.018 + 0.0225) / 2 / (15 / 720), abs=1e-4)


def test_other_programs_at_work_are_said() -> None:
    alone = Floor((Process(frames=600, seconds=10.0, cpu_seconds=9.9),))

    assert FLOOR.cpu_share == 0.9
    assert ServiceReport([], [], 2, (FLOOR,)).as_json()["disturbed"]
    assert not ServiceReport([], [], 2, (alone,)).as_json()["disturbed"]
    assert ServiceReport([run_of(8, 60)], [], 2, (alone,)).as_json()["disturbed"]


def test_saturation_is_the_best_run_with_enough_cameras() -> None:
    runs = [run_of(1, 99), run_of(8, 70), run_of(32, 80), run_of(64, 76)]

    found = json.loads(json.dumps(ServiceReport(runs, [], 2).as_json()))

    assert found["saturation_cameras"] == 32
    assert found["flatness"] == 0.95
    assert {"cameras", "requests_per_second", "p50_ms", "p99_ms", "errors"} <= set(found["runs"][0])


def test_without_a_saturated_run_there_is_no_fraction() -> None:
    found = ServiceReport([run_of(1, 60)], [], 2, (FLOOR,)).as_json()

    assert found["floor_fraction"] is None
    assert found["floor_fraction_by_cpu"] is None


def test_flatness_needs_two_saturated_runs() -> None:
    assert flatness([run_of(1, 50), run_of(8, 70)]) is None
