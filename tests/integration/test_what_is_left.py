"""What restores and drills leave in a data folder, as the commands and the schedule find it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backup.restore import journal
from cluster.backup_app import Duties
from cluster.cli import left
from cluster.cli.people import renewed
from cluster.cli.up import ready_for_snapshots
from serve_apps.settings import Settings, load
from tests.in_process import in_this_process
from tests.integration.backed_up import House, begun, house
from tests.unit.cluster.test_backup_app import Told


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of a house whose state from before a restore is still there, and a drill's that was killed."""
    data = tmp_path / "data"
    given = {"URL": "snapshots", "KEYRING_URL": "keyring-copy", "PASSPHRASE_FILE": "passphrase"}
    monkeypatch.setenv("DOORBELL_DATA", str(data))
    for name, place in given.items():
        monkeypatch.setenv(f"DOORBELL_BACKUP_{name}", str(tmp_path / place))
    with house(data) as made:
        begun(made).enrol("Ada")
    for command in ("init", "snapshot", "restore"):
        assert in_this_process(data, "backup", command).returncode == 0
    with house(data / left.DRILL) as drilled:
        begun(drilled)
    return load()


@pytest.fixture
def home(settings: Settings) -> Iterator[House]:
    with house(settings.folder) as made:
        yield made


def people_before(settings: Settings) -> list[str]:
    before = journal.place(settings.folder) / "before"
    with house(before) as made:
        return [person.name for person in made.gallery.people()]


def erase(home: House) -> None:
    home.gallery.remove_people([home.gallery.person("Ada")])


def test_people_erase_reaches_it_and_says_so(settings: Settings, home: House) -> None:
    erase(home)
    assert all(copy.confirmed for copy in renewed(settings))
    drill = str(settings.folder / "drill")
    assert dict(left.gone_from_left(settings)) == {"the state before the last restore": "", drill: ""}
    assert people_before(settings) == []
    assert not Path(drill).exists()


def test_people_erase_says_where_it_cannot_reach(settings: Settings, home: House) -> None:
    erase(home)
    (journal.place(settings.folder) / "before" / "keyring.db").write_bytes(b"no database" * 1000)
    with left.drilling(settings.folder):
        reasons = dict(left.gone_from_left(settings))
    assert "undo --forget" in reasons["the state before the last restore"]
    assert "a drill is under way" in reasons[str(settings.folder / "drill")]


def test_an_erasure_by_http_gets_there_with_the_next_snapshot(settings: Settings, home: House) -> None:
    erase(home)
    Duties(settings, Told()).snapshot()
    assert people_before(settings) == []
    assert not (settings.folder / "drill").exists()


def test_a_start_removes_it_too(settings: Settings, home: House) -> None:
    erase(home)
    ready_for_snapshots(settings)
    assert people_before(settings) == []
    assert not (settings.folder / "drill").exists()


def test_what_a_drill_was_told_to_keep_stays_until_somebody_in_it_is_erased(settings: Settings, home: House) -> None:
    place, copied = settings.folder / "drill", home.folder / "keyring.db"
    (place / left.KEPT).touch()
    home.close()
    (place / "keyring.db").write_bytes(copied.read_bytes())
    left.clear_forsaken_drill(settings.folder, home.database)
    assert place.exists()
    erase(home)
    with left.drilling(settings.folder):
        left.clear_forsaken_drill(settings.folder, home.database)
        assert place.exists()
    left.clear_forsaken_drill(settings.folder, home.database)
    assert not place.exists()


def test_the_state_before_is_let_go_of_by_a_command(settings: Settings) -> None:
    done = in_this_process(settings.folder, "backup", "undo", "--forget")
    assert (done.returncode, done.stdout) == (0, "the state before the restore is gone\n")
    assert not journal.place(settings.folder).exists()
    assert "no state from before" in in_this_process(settings.folder, "backup", "undo").stderr


def test_a_restore_without_any_key_names_the_flag_and_the_flag_does_it(settings: Settings, tmp_path: Path) -> None:
    next((tmp_path / "keyring-copy" / "keyring").iterdir()).unlink()
    refused = in_this_process(tmp_path / "new", "backup", "restore")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "--without-faces" in refused.stderr
    done = in_this_process(tmp_path / "new", "backup", "restore", "--without-faces")
    assert (done.returncode, done.stderr) == (0, "")
    assert "left out, without a key: 1 of people" in done.stdout
