"""The bare engine in processes of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.child import MeasurementFailed
from benchmarks.floor import measure
from serve_apps.recognition.weights import CannotRun


def test_two_processes_work_at_the_same_time_on_the_sample_frames(tmp_path: Path) -> None:
    floor = measure(1.0, os.environ | {"DOORBELL_DATA": str(tmp_path)}, processes=2)

    assert len(floor.processes) == 2
    assert all(process.frames > 0 for process in floor.processes)
    assert 0 < floor.cpu_share <= 1.1
    assert floor.frames_per_second * floor.cpu_seconds_per_frame == pytest.approx(2 * floor.cpu_share, rel=0.5)


def test_a_process_that_cannot_start_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("no folder")

    with pytest.raises(MeasurementFailed):
        measure(1.0, os.environ | {"DOORBELL_DATA": str(tmp_path)}, processes=1)


def test_an_engine_that_cannot_run_here_is_the_users_to_put_right(tmp_path: Path) -> None:
    without_a_gpu = {"DOORBELL_DATA": str(tmp_path), "DOORBELL_PROVIDER": "cuda", "CUDA_VISIBLE_DEVICES": "-1"}

    with pytest.raises(CannotRun, match="DOORBELL_PROVIDER=cuda"):
        measure(1.0, os.environ | without_a_gpu, processes=1)
