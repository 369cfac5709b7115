"""The command as `make install` leaves it, from a folder where nothing of the project lies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def installed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["DOORBELL_DATA"] = str(folder / "data")
    command = [Path(sys.executable).with_name("doorbell"), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_the_shipped_config_is_found_right_by_the_installed_command(elsewhere: Path) -> None:
    done = installed(elsewhere, "serve", "check", str(ROOT / "serve_apps" / "serve.yaml"))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("nothing is wrong\n")


def test_the_installed_command_makes_a_rayservice_and_finds_it_right(elsewhere: Path) -> None:
    made = installed(elsewhere, "serve", "kuberay", "--image", "registry.example/doorbell:1")
    assert made.returncode == 0, made.stderr
    file = elsewhere / "rayservice.yaml"
    file.write_text(made.stdout)

    assert "RayService" in {each["kind"] for each in yaml.safe_load_all(made.stdout)}
    assert installed(elsewhere, "serve", "check", str(file)).returncode == 0
