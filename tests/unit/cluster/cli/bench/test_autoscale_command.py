"""`doorbell bench autoscale`: its fields, its pictures, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.cli.main import main


def bench(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Status, stdout and stderr of a command."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["bench", "autoscale", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_the_tenfold_step_in_json_and_as_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = bench(capsys, "--only", "tenfold", "--json", "--plots", str(tmp_path / "plots"))
    (trace,) = json.loads(out)["traces"]
    fields = {"name", "late_share", "lost_share", "replica_hours", "starts", "seconds_to_capacity"}
    assert status == 0
    assert all(fields <= set(policy) for policy in trace["policies"])
    assert "tenfold step …" in err
    assert (tmp_path / "plots" / "autoscale-tenfold-step.png").stat().st_size > 10_000


def test_a_trace_that_there_is_not_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = bench(capsys, "--only", "full moon")
    assert (status, out) == (2, "")
    assert err.startswith("doorbell: Invalid value: no trace has 'full moon' in its name; there are normal week, ")
    assert err.count("\n") == 1


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plots"
    file.touch()
    status, _, err = bench(capsys, "--plots", str(file))
    assert (status, err.count("\n")) == (2, 1)
    assert "--plots takes a folder" in err
