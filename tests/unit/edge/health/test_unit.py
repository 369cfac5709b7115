from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edge.errors import SettingsInvalid
from edge.health.unit import unit
from tests.conftest import missing


def test_the_unit_names_this_installation_and_its_settings() -> None:
    text = unit(Path("/etc/doorbell-edge/edge.yaml"))

    (start,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert start.endswith("/doorbell-edge run --config /etc/doorbell-edge/edge.yaml --json")
    assert "@" not in text.replace("@system-service", "").replace("~@privileged @resources", "")


def test_the_chime_may_play_a_sound() -> None:
    lines = unit(Path("/etc/doorbell-edge/edge.yaml")).splitlines()

    assert "DeviceAllow=char-alsa rw" in lines
    (groups,) = [line for line in lines if line.startswith("SupplementaryGroups=")]
    assert "audio" in groups.split("=")[1].split()


@pytest.mark.parametrize("path", ["edge.yaml", "/etc/my settings.yaml", "/etc/100%.yaml"])
def test_a_path_that_a_unit_would_misread_is_refused(path: str) -> None:
    with pytest.raises(SettingsInvalid):
        unit(Path(path))


def test_the_agent_runs_where_lgpio_may_make_its_pipe_and_the_chime_may_make_a_sound() -> None:
    lines = unit(Path("/etc/doorbell-edge/edge.yaml")).splitlines()

    assert "RuntimeDirectory=doorbell-edge" in lines
    assert "WorkingDirectory=%t/doorbell-edge" in lines
    assert "DeviceAllow=char-alsa rw" in lines
    (groups,) = [line.partition("=")[2].split() for line in lines if line.startswith("SupplementaryGroups=")]
    assert set(groups) == {"video", "gpio", "audio"}


def test_systemd_accepts_the_unit_and_calls_it_well_confined(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze is not installed; on Debian: apt-get install systemd")
    file = tmp_path / "doorbell-edge.service"
    file.write_text(unit(Path("/etc/doorbell-edge/edge.yaml")))

    verified = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", file], capture_output=True
    )

    assert (verified.returncode, verified.stderr) == (0, "")
    assert rated.returncode == 0
