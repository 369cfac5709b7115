"""The bare engine in processes of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.child import MeasurementFailed
from benchmarks.floor import measure


def test_two_processes_work_at_the_same_time_on_the_sample_frames(tmp_path: Path) -> None:
    floor = measure(1.0, os.environ | {"DOORBELL_DATA": str(tmp_path)}, processes=2)

    assert len(floor.processes) == 2
    assert all(process.frames > 0 for process in floor.processes)
    assert 0 < floor.cpu_share <= 1.1
    assert floor.frames_per_second * floor.cpu_seconds_per_frame == pytest.approx(2 * floor.cpu_share, rel=0.2)


def test_a_process_that_cannot_start_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("no folder")

    with pytest.raises(MeasurementFailed):
        measure(1.0, os.environ | {"DOORBELL_DATA": str(tmp_path)}, processes=1)
