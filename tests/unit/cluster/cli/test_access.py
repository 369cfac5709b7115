from __future__ import annotations

from pathlib import Path

import pytest

from backup.restore import journal
from cluster.cli import access
from cluster.cli.main import main


def test_between_two_states_no_command_opens_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    access.database().dispose()
    (tmp_path / "doorbell.db").rename(tmp_path / "elsewhere")
    journal.begin(tmp_path, "snapshot")
    journal.write(tmp_path, journal.Journal("swapping", "snapshot"))

    with pytest.raises(SystemExit, match="2"):
        main(["devices", "list"])

    assert capsys.readouterr().err == (
        f"doorbell: a restore is under way in {tmp_path}, or was killed there: then 'doorbell up' ends it\n"
    )
    assert not (tmp_path / "doorbell.db").exists()
