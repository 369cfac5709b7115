"""What a gateway's readiness finds on real disks and databases."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.security.keyring import Keyring
from serve_apps.api.readiness import unable
from serve_apps.database import connect
from serve_apps.gallery.crops import FolderCrops
from serve_apps.gallery.store import Gallery
from tests.conftest import free_ports


def gallery(database: str, folder: Path) -> Gallery:
    keyring = Keyring(connect(f"sqlite:///{folder}/keyring.db"), bytes(32))
    return Gallery(connect(database), keyring, FolderCrops(folder / "crops"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here; root of a machine of its own can")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_database_that_takes_writes_is_ready(database: str, tmp_path: Path) -> None:
    assert unable(gallery(database, tmp_path)) is None


def test_a_full_disk_is_not_ready_until_there_is_room(small_disk: Path, migrated: Path, tmp_path: Path) -> None:
    shutil.copy(migrated, small_disk / "doorbell.db")
    found = gallery(f"sqlite:///{small_disk}/doorbell.db", tmp_path)
    assert unable(found) is None
    filling = small_disk / "filling"
    with pytest.raises(OSError, match="No space left"):
        fill(filling)
    assert unable(found) == "the disk is full: nothing can be recorded"
    filling.unlink()
    assert unable(found) is None


def test_a_database_that_only_reads_is_not_ready(postgres: str, migrated_on_postgres: str, tmp_path: Path) -> None:
    found = gallery(f"{postgres}{migrated_on_postgres}?options=-c%20default_transaction_read_only%3Don", tmp_path)
    assert unable(found) == "the database takes no writes"
    found.database.dispose()  # others copy this database, which nobody may be connected to


def test_a_database_that_is_away_is_not_ready(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    found = gallery(f"postgresql://doorbell@127.0.0.1:{port}/x", tmp_path)
    assert unable(found) == "the database does not answer"
