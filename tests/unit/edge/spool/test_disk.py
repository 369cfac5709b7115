from __future__ import annotations

import errno
from pathlib import Path
from random import Random

import pytest

from edge.spool.disk import Disk, put_durably, write_new
from tests.unit.edge.spool.faulty_disk import FaultyDisk

FOLDER = Path("/folder")


def a_disk(seed: int = 0) -> FaultyDisk:
    disk = FaultyDisk(Random(seed))
    disk.make_folder(FOLDER)
    return disk


def put(disk: Disk, folder: Path, data: bytes) -> None:
    put_durably(disk, folder / ".x.tmp", folder / "x", data)


def test_a_file_is_put_under_its_name_and_nothing_else_is_left(tmp_path: Path) -> None:
    put(Disk(), tmp_path, b"data")

    assert [file.name for file in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_bytes() == b"data"
    assert (tmp_path / "x").stat().st_mode & 0o077 == 0


def test_short_writes_are_gone_on_with(tmp_path: Path) -> None:
    class Short(Disk):
        def write(self, descriptor: int, data: memoryview) -> int:
            return super().write(descriptor, data[:7])

    write_new(Short(), tmp_path / "x", bytes(range(256)))

    assert (tmp_path / "x").read_bytes() == bytes(range(256))


def test_a_file_that_is_there_is_never_written_into(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        write_new(Disk(), tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"old"


@pytest.mark.parametrize("after", range(4))
def test_a_failure_at_any_step_leaves_no_file(after: int) -> None:
    disk = a_disk()
    disk.fail(after, errno.EIO)

    with pytest.raises(OSError, match="Input/output"):
        put(disk, FOLDER, b"data")
    assert disk.names_now.keys() <= {FOLDER / "x"}
    # A rename that failed may have happened, and then the file is whole.
    assert all(bytes(inode.cached) == inode.durable == b"data" for inode in disk.names_now.values())


@pytest.mark.parametrize("seed", range(20))
def test_what_was_put_is_there_after_a_power_cut(seed: int) -> None:
    disk = a_disk(seed)
    put(disk, FOLDER, b"data" * 3000)
    disk.cut_power()

    assert disk.read(FOLDER / "x") == b"data" * 3000


def test_what_was_not_synced_may_be_torn_lost_or_whole() -> None:
    seen = set()
    for seed in range(60):
        disk = a_disk(seed)
        write_new(disk, FOLDER / "x", b"a" * 10_000, durable=False)
        disk.cut_power()
        found = disk.names_now.get(FOLDER / "x")
        whole = found is not None and bytes(found.cached) == b"a" * 10_000
        seen.add("lost" if found is None else "whole" if whole else "holes" if 0 in found.cached else "short")

    assert seen == {"lost", "whole", "holes", "short"}


def test_a_missing_folder_has_no_names_and_is_made_with_those_above_it(tmp_path: Path) -> None:
    disk = Disk()
    assert disk.names(tmp_path / "a" / "b") == []
    disk.make_folder(tmp_path / "a" / "b")

    assert (tmp_path / "a" / "b").is_dir()


def test_a_lock_is_held_until_it_is_closed(tmp_path: Path) -> None:
    disk = Disk()
    lock = disk.lock(tmp_path / ".lock")
    with pytest.raises(BlockingIOError):
        disk.lock(tmp_path / ".lock")
    disk.close(lock)
    disk.close(disk.lock(tmp_path / ".lock"))
