"""The edge alone, as it is installed on a Pi: from a wheel, into an empty environment, without Ray or a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pi")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"CC": "/bin/false"}

    def run(*command: object) -> None:
        done = subprocess.run([*map(str, command)], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    wheel = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, "."]
    run(sys.executable, "-m", "pip", *wheel)
    run(sys.executable, "-m", "venv", folder / "venv")
    pip = [folder / "venv" / "bin" / "pip", "install", "--quiet", "--no-deps"]
    run(*pip, "--only-binary", ":all:", "-r", "requirements-edge.txt")
    run(*pip, *folder.glob("*.whl"))
    return folder / "venv" / "bin"


def test_a_box_needs_neither_ray_nor_dlib_nor_onnxruntime(installed: Path) -> None:
    listed = subprocess.run([installed / "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True)
    names = {line.split("==")[0].lower() for line in listed.stdout.splitlines()}

    assert "doorbell-cluster" in names
    assert not names & {"ray", "dlib", "dlib-bin", "onnxruntime", "face-recognition", "fastapi", "sqlalchemy"}


def test_an_installed_box_runs_checks_and_names_itself_in_its_unit(installed: Path, tmp_path: Path) -> None:
    program = installed / "doorbell-edge"
    unit = subprocess.run([program, "unit"], capture_output=True, text=True, check=True).stdout
    measured = subprocess.run([program, "bench", "--json", "--seconds", "1"], capture_output=True, text=True)

    assert f"ExecStart={program} run" in unit
    assert (measured.returncode, measured.stderr) == (0, "")
    assert '"trigger_to_send_ms_p50"' in measured.stdout


def test_the_clusters_command_says_what_is_missing_where_only_the_edge_is_installed(installed: Path) -> None:
    done = subprocess.run([installed / "doorbell", "--help"], capture_output=True, text=True)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "doorbell-cluster[cluster]" in done.stderr
