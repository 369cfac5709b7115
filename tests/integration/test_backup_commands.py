"""`doorbell backup` as an operator types it, without a cluster."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.in_process import in_this_process
from tests.integration.backed_up import begun, house


class Operator:
    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.variables = {
            "DOORBELL_BACKUP_URL": str(folder / "snapshots"),
            "DOORBELL_BACKUP_KEYRING_URL": str(folder / "keyring-copy"),
            "DOORBELL_BACKUP_PASSPHRASE_FILE": str(folder / "passphrase"),
        }

    def __call__(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return in_this_process(self.data, "backup", *arguments, **(self.variables | changed))

    def told(self, *arguments: str) -> dict:
        done = self(*arguments, "--json")
        assert done.stderr == ""
        return json.loads(done.stdout)


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    with house(tmp_path / "data") as made:
        begun(made).enrol("Ada")
    return Operator(tmp_path)


def test_a_snapshot_is_taken_listed_verified_and_restored(operator: Operator, tmp_path: Path) -> None:
    assert "keep a copy elsewhere" in operator("init").stdout
    assert stat.S_IMODE((tmp_path / "passphrase").stat().st_mode) == 0o600
    assert operator("status").returncode == 1
    first, second = operator.told("snapshot"), operator.told("snapshot")
    assert (first["people"], second["bytes_uploaded"]) == (1, 0)
    assert [row["id"] for row in operator.told("list")] == [first["id"], second["id"]]
    assert operator.told("verify")["damaged"] == []
    assert operator.told("status")["newest"]["id"] == second["id"]
    assert operator.told("restore", "--snapshot", first["id"])["snapshot"] == first["id"]
    assert operator.told("undo") == {"undone": first["id"]}
    assert len(operator.told("prune")["kept"]) == 2


@pytest.mark.parametrize("lost", [True, False])
def test_a_keyrings_copy_that_opens_nothing_is_found_and_made_again(
    operator: Operator, tmp_path: Path, lost: bool
) -> None:
    operator("init")
    operator("snapshot")
    (copy,) = (tmp_path / "keyring-copy" / "keyring").iterdir()
    copy.unlink() if lost else copy.write_bytes(b"")
    done = operator("verify")
    assert (done.returncode, "1 damaged" in done.stdout) == (1, True)
    assert str(copy) in done.stderr
    if lost:
        assert (operator("status").returncode, operator.told("status")["keyring_copy"]) == (1, False)
    operator("snapshot")
    assert operator("verify").returncode == 0


def test_what_verify_finds_is_named_and_ends_with_status_1(operator: Operator, tmp_path: Path) -> None:
    operator("init")
    operator("snapshot")
    chunk = max((tmp_path / "snapshots" / "chunks").rglob("*"), key=lambda path: path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1])
    done = operator("verify")
    assert done.returncode == 1
    assert chunk.name in done.stderr


def test_rows_that_name_what_is_not_there_are_found_although_every_byte_is_right(operator: Operator) -> None:
    unchecked = sqlite3.connect(operator.data / "doorbell.db", isolation_level=None)  # which asks for no foreign keys
    with closing(unchecked) as connection:
        connection.execute("INSERT INTO embeddings VALUES ('nobody', 'space-1', x'00')")
    operator("init")
    operator("snapshot")
    assert "1 rows of embeddings name what gallery_faces does not have" in operator("verify").stderr


@pytest.mark.parametrize(
    ("arguments", "changed", "said"),
    [
        (("snapshot",), {"DOORBELL_BACKUP_URL": ""}, "DOORBELL_BACKUP_URL is not set"),
        (("init",), {"DOORBELL_BACKUP_KEYRING_URL": ""}, "DOORBELL_BACKUP_KEYRING_URL is not set"),
        (("snapshot",), {}, "doorbell backup init"),
        (("init",), {"DOORBELL_BACKUP_URL": "ftp://x"}, "cannot be kept at"),
        (("init",), {"DOORBELL_BACKUP_URL": "snapshots"}, "is no absolute path"),
        (("init",), {"DOORBELL_BACKUP_PASSPHRASE_FILE": "passphrase"}, "is no absolute path"),
        (("restore", "--at", "yesterday"), {}, "is no moment"),
        (("replicate",), {}, "holds no repository"),
        (("list",), {"DOORBELL_BACKUP_KEEP": "yearly=1"}, "DOORBELL_BACKUP_KEEP"),
    ],
)
def test_what_is_wrong_is_one_clear_line(operator: Operator, arguments: tuple, changed: dict, said: str) -> None:
    done = operator(*arguments, **changed)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_a_wrong_data_folder_gets_no_snapshot_that_looks_like_a_good_one(operator: Operator, tmp_path: Path) -> None:
    operator("init")
    operator("snapshot")
    (tmp_path / "empty").mkdir()
    for folder in ("nowhere", "empty"):
        done = operator("snapshot", DOORBELL_DATA=str(tmp_path / folder))
        assert done.returncode == 2
        assert f"{folder} has no database with tables" in done.stderr
    assert len(operator.told("list")) == 1


def test_a_passphrase_is_not_left_where_it_is_refused(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no absolute path" in operator("init", DOORBELL_BACKUP_PASSPHRASE_FILE="secret").stderr
    assert not (tmp_path / "secret").exists()


def test_without_any_key_nothing_is_begun(operator: Operator) -> None:
    del operator.variables["DOORBELL_BACKUP_PASSPHRASE_FILE"]
    assert "no key for snapshots is set" in operator("init").stderr


@pytest.mark.parametrize("way", ["{}/", "file://{}", "{}/../snapshots", "{}/keyring", "{}/..", "{}/../alias"])
def test_a_keyring_in_the_place_it_protects_is_refused(operator: Operator, tmp_path: Path, way: str) -> None:
    (tmp_path / "alias").symlink_to(tmp_path / "snapshots")
    place = way.format(operator.variables["DOORBELL_BACKUP_URL"])
    assert "another place" in operator("init", DOORBELL_BACKUP_KEYRING_URL=place).stderr


@pytest.mark.parametrize(
    "places",
    [
        {"URL": "s3://b/snapshots", "KEYRING_URL": "s3://b/snapshots/keyring"},
        {"URL": "{data}/snapshots"},
        {"REPLICATE_TO": "{data}/../snapshots"},
    ],
)
def test_places_that_would_be_lost_together_are_refused(operator: Operator, places: dict[str, str]) -> None:
    operator("init")
    given = {f"DOORBELL_BACKUP_{name}": place.format(data=operator.data) for name, place in places.items()}
    assert "another place" in operator("replicate" if "REPLICATE_TO" in places else "init", **given).stderr
