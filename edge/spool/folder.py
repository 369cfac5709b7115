"""What lies in a spool's folder, and how it is opened.

000000000001-<frame id>.frame   one frame each, numbered by arrival
.<name>.<try>.tmp               a frame that was being written when the power went
damaged/, refused/              what is not sent
FORMAT                          the newest format of the frames in here
RUNNING                         how long agents have run on it
.lock                           held by the agent that does
"""

from __future__ import annotations

import errno
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from edge.errors import SpoolBusy, SpoolUnusable
from edge.spool.disk import DISK, Disk, put_durably
from edge.spool.entry import Entry
from edge.spool.frame_file import FORMAT, NO_HEADER, read_header
from edge.spool.key import SpoolKey
from edge.spool.running_time import read_running_s

log = structlog.get_logger(__name__)

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
DAMAGED = "damaged"
REFUSED = "refused"
_FORMAT_FILE = "FORMAT"
_FILE_NAME = re.compile(r"(\d{12})-([0-9a-f-]{36})\.frame")


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder that this agent alone may write to; what waits in it, by arrival, and how many torn files are gone."""

    lock: int
    entries: list[Entry]
    last_number: int
    running_s: float
    torn: int


def file_name(number: int, frame_id: str) -> str:
    """Return the name of a frame's file; `_FILE_NAME` reads it."""
    return f"{number:012d}-{frame_id}.frame"


def entries_in(folder: Path, disk: Disk = DISK) -> list[Entry]:
    """Return what waits in a spool folder, oldest first. Needs neither lock nor key. Raises SpoolUnusable."""
    found = _found(folder, disk)
    return _entries(found, _running_s(folder, disk, found))


def open_folder(folder: Path, key: SpoolKey | None, disk: Disk) -> Opened:
    """Lock a folder, make it where it is missing, and cut off what is torn.

    Raises SpoolBusy, and SpoolUnusable, also where a newer version or another key wrote in it; nothing is touched then.
    """
    lock = _locked(folder, disk)
    try:
        found = _found(folder, disk)
        _check_keys(folder, found, key)
        running_s = _running_s(folder, disk, found)
        torn = _cut(folder, disk)
        aside = [name for each in (DAMAGED, REFUSED) for name in disk.names(folder / each)]
    except BaseException as error:
        disk.close(lock)
        if isinstance(error, OSError):
            raise unusable(folder, error) from error
        raise
    numbers = [each.entry.number for each in found] + [
        int(name[1]) for text in aside if (name := _FILE_NAME.fullmatch(text))
    ]
    return Opened(lock, _entries(found, running_s), max(numbers, default=0), running_s, torn)


def unusable(folder: Path, error: OSError) -> SpoolUnusable:
    """Return what a person can do with an error of the disk."""
    way_out = "free some room on the disk" if error.errno in NO_ROOM else "check disk and owner"
    return SpoolUnusable(f"the spool {folder} cannot be used: {error.strerror or error}", way_out)


@dataclass(frozen=True, slots=True)
class _Found:
    """A frame, and what else its header says; how long it has waited is not known before all are found."""

    entry: Entry
    running_s: float | None
    key: str | None
    newer: bool


def _found(folder: Path, disk: Disk) -> list[_Found]:
    """Return the frames in the folder by arrival. Raises SpoolUnusable where one is of a newer version."""
    try:
        _check_format(folder, disk)
        names = sorted(disk.names(folder))
    except OSError as error:
        raise unusable(folder, error) from error
    found = [_look(folder / text, name, disk) for text in names if (name := _FILE_NAME.fullmatch(text))]
    frames = [each for each in found if each is not None]
    if any(each.newer for each in frames):
        raise _newer(folder)
    return frames


def _look(path: Path, name: re.Match[str], disk: Disk) -> _Found | None:
    try:
        header, size = read_header(path, disk)
    except (FileNotFoundError, IsADirectoryError):
        # A running agent removes files while `spool list` looks at them.
        return None
    except OSError as error:
        log.error("spool.header_unreadable", file=path.name, error=str(error))
        header, size = NO_HEADER, 0
    # Interned, and the rest of the header let go: ten thousand of them are 15 MB.
    told = sys.intern(header.text("camera_id")), sys.intern(header.text("trigger")), header.face
    return _Found(Entry(int(name[1]), name[2], *told, path, size), header.running_s, header.key, header.newer)


def _entries(found: list[_Found], running_s: float) -> list[Entry]:
    entries, taken_s = [], 0.0
    for each in found:
        # A header that says nothing of it came after the one before it.
        taken_s = taken_s if each.running_s is None else each.running_s
        entries.append(replace(each.entry, waited_s0=max(0.0, running_s - taken_s)))
    return entries


def _running_s(folder: Path, disk: Disk, found: list[_Found]) -> float:
    return max([read_running_s(folder, disk), *(each.running_s or 0.0 for each in found)])


def _check_format(folder: Path, disk: Disk) -> None:
    with suppress(FileNotFoundError, ValueError):
        if int(disk.read(folder / _FORMAT_FILE)) > FORMAT:
            raise _newer(folder)


def _check_keys(folder: Path, found: list[_Found], key: SpoolKey | None) -> None:
    locked = [each for each in found if each.key not in (None, key and key.fingerprint)]
    if locked:
        what = "another key" if key else "a key, and none is given"
        raise SpoolUnusable(
            f"{len(locked)} frames in the spool {folder} were encrypted with {what}",
            "give the right key_file or move the folder away",
        )


def _newer(folder: Path) -> SpoolUnusable:
    return SpoolUnusable(f"the spool {folder} was written by a newer version", "update doorbell-edge")


def _cut(folder: Path, disk: Disk) -> int:
    """Remove what was half written, and have on disk what this agent now counts on."""
    leftovers = [name for name in disk.names(folder) if name.startswith(".") and name.endswith(".tmp")]
    torn = [name for name in leftovers if ".frame." in name]
    for name in leftovers:
        disk.unlink(folder / name)
    if torn:
        log.warning("spool.torn", files=len(torn), names=torn[:10])
    _write_format(folder, disk)
    disk.fsync_folder(folder)
    return len(torn)


def _write_format(folder: Path, disk: Disk) -> None:
    wanted = f"{FORMAT}\n".encode()
    with suppress(FileNotFoundError):
        if disk.read(folder / _FORMAT_FILE) == wanted:
            return
    try:
        put_durably(disk, folder / f".{_FORMAT_FILE}.tmp", folder / _FORMAT_FILE, wanted)
    except OSError as error:
        # Each header says it as well: a full disk must not keep an agent from emptying it.
        if error.errno not in NO_ROOM:
            raise
        log.warning("spool.format_not_written", error=str(error))


def _locked(folder: Path, disk: Disk) -> int:
    try:
        disk.make_folder(folder)
        return disk.lock(folder / ".lock")
    except BlockingIOError as error:
        raise SpoolBusy(f"another agent works on the spool {folder}", "stop it, or name another folder") from error
    except OSError as error:
        raise unusable(folder, error) from error
