"""Recorded load from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autoscaling.history import BadHistory
from autoscaling.load_file import read


def written(folder: Path, text: str) -> Path:
    path = folder / "load.csv"
    path.write_text(text)
    return path


def test_seconds_and_moments_are_added_by_minute(tmp_path: Path) -> None:
    history = read(written(tmp_path, "time,count\n60,2\n90.5,3\n1970-01-01T01:04:00+01:00,7\n"))
    assert history.start == 60.0
    assert np.array(history.counts)[[0, 3]].tolist() == [5.0, 7.0]
    assert np.isnan(np.array(history.counts)[1:3]).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "load.csv has no line of 'time,count'"),
        ("time,count\n", "load.csv has no line of 'time,count'"),
        ("60,-1\n", "load.csv, line 1: a count must be at least 0; leave out what is not known"),
        ("60,nan\n", "load.csv, line 1: a count must be at least 0; leave out what is not known"),
        ("0,1\n99999999,1\n", "load.csv spans more than a year; is one of its times wrong?"),
    ],
)
def test_what_is_no_load_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadHistory) as error:
        read(written(tmp_path, text))
    assert str(error.value) == said


@pytest.mark.parametrize("line", ["60", "60,1,2", "soon,1", "2026-11-28T08:00:00,1", "nan,1", "60,many", "inf,1"])
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadHistory, match=r"^load.csv, line 2: 'time,count' is wanted, the time as epoch seconds or "):
        read(written(tmp_path, f"60,1\n{line}\n"))
