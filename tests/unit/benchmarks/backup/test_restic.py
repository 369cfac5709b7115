"""The peer that our snapshots are measured beside, for real."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchmarks.backup.restic import beside
from tests.conftest import missing


def test_restic_does_the_same_on_the_same_files(tmp_path: Path) -> None:
    if shutil.which("restic") is None:
        missing("restic is not installed; on Debian: apt-get install restic")
    data = tmp_path / "data"
    (data / "crops").mkdir(parents=True)
    (data / "releases").mkdir()
    (data / "doorbell.db").write_bytes(os.urandom(3_000_000))

    def more() -> None:
        (data / "crops" / "new").write_bytes(os.urandom(100_000))

    told = beside(tmp_path / "restic", data, more, lambda _: None)

    assert told is not None
    assert told["first"]["bytes_stored"] > 3_000_000
    assert 100_000 < told["incremental"]["bytes_stored"] < 1_000_000
    assert (tmp_path / "restic" / "restored" / data.relative_to("/") / "crops" / "new").stat().st_size == 100_000


def test_without_restic_there_are_no_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert beside(tmp_path / "restic", tmp_path, lambda: None, lambda _: None) is None
