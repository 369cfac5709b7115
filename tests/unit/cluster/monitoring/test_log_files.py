"""Lines into rotated files, and what a full disk does."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable
from errno import ENOSPC
from pathlib import Path

import pytest

from cluster.monitoring.log_files import IN_THE_LINE, ON_THE_DISK, FileLimits, RotatedFile

Full = Callable[[bool], None]


def record(text: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("serve_apps", logging.INFO, "", 0, text, arguments, None)


@pytest.fixture
def lost() -> Counter[str]:
    return Counter()


@pytest.fixture
def file(tmp_path: Path, lost: Counter[str]) -> RotatedFile:
    return RotatedFile(
        tmp_path / "log" / "gateway-1.jsonl", lambda reason: lost.update([reason]), FileLimits(100, 2, 3)
    )


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Full:
    """Full when it is told to be: then it takes the first three bytes of a line."""
    is_full, write = [False], os.write

    def written(descriptor: int, data: bytes) -> int:
        if not is_full[0]:
            return write(descriptor, data)
        if len(data) > 3:
            return write(descriptor, data[:3])
        raise OSError(ENOSPC, "no space")

    monkeypatch.setattr(os, "write", written)
    return lambda full: is_full.__setitem__(0, full)


def texts(file: RotatedFile) -> dict[str, list[str]]:
    return {each.name: each.read_text().splitlines() for each in sorted(file._path.parent.iterdir())}


def test_lines_are_there_at_once_for_their_owner_only(file: RotatedFile) -> None:
    file.handle(record("one"))
    file.handle(record("two %s", "words"))

    assert texts(file) == {"gateway-1.jsonl": ["one", "two words"]}
    assert file._path.stat().st_mode & 0o077 == 0


def test_a_full_file_is_rotated_and_the_oldest_goes(file: RotatedFile) -> None:
    for number in range(12):
        file.handle(record(f"{number:02}" + "." * 40))

    first = {name: lines[0][:2] for name, lines in texts(file).items()}
    assert first == {"gateway-1.jsonl": "10", "gateway-1.jsonl.1": "08", "gateway-1.jsonl.2": "06"}


def test_a_full_disk_costs_lines_that_are_counted_and_the_rest_is_whole(
    file: RotatedFile, lost: Counter[str], disk: Full
) -> None:
    file.handle(record("before"))
    disk(True)
    for _ in range(3):
        file.handle(record("lost"))
    disk(False)
    file.handle(record("after"))

    assert lost == {ON_THE_DISK: 3}
    lines = texts(file)["gateway-1.jsonl"]
    assert (lines[0], lines[-1]) == ("before", "after")


def test_a_disk_that_is_really_full_costs_lines_only(tmp_path: Path, lost: Counter[str]) -> None:
    (tmp_path / "x.jsonl").symlink_to("/dev/full")
    file = RotatedFile(tmp_path / "x.jsonl", lambda reason: lost.update([reason]))

    for _ in range(5):
        file.handle(record("one"))

    assert lost == {ON_THE_DISK: 5}


def test_a_folder_that_cannot_be_made_costs_lines_only(tmp_path: Path, lost: Counter[str]) -> None:
    (tmp_path / "log").write_text("a file")
    file = RotatedFile(tmp_path / "log" / "x.jsonl", lambda reason: lost.update([reason]))

    file.handle(record("one"))

    assert lost == {ON_THE_DISK: 1}


def test_a_line_that_cannot_be_made_is_counted(file: RotatedFile, lost: Counter[str]) -> None:
    file.handle(record("%d", "no number"))

    assert lost == {IN_THE_LINE: 1}


def test_the_oldest_files_of_replicas_that_are_gone_end(tmp_path: Path, lost: Counter[str]) -> None:
    for number in range(5):
        old = tmp_path / f"courier-{number}.jsonl"
        old.touch()
        os.utime(old, (number, number))

    RotatedFile(tmp_path / "gateway-9.jsonl", lambda _: None, FileLimits(files=3)).handle(record("new"))

    assert {each.name for each in tmp_path.iterdir()} == {"courier-3.jsonl", "courier-4.jsonl", "gateway-9.jsonl"}


def test_a_quiet_process_whose_file_was_removed_begins_a_new_one(file: RotatedFile) -> None:
    file.handle(record("before"))
    file._path.unlink()
    file.handle(record("after"))

    assert texts(file) == {"gateway-1.jsonl": ["after"]}
