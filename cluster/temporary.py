"""Where a cluster of this machine keeps its sockets and logs."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path

from cluster.monitoring.logs import FOLDER
from cluster.preflight import CannotStart

SESSIONS_KEPT = 4
"""How many starts' logs stay; Ray itself never removes any."""


def temp_path(data: Path) -> Path:
    """Where a data folder's cluster has its folder, whether it is there or not."""
    name = hashlib.sha256(str(data).encode()).hexdigest()[:8]
    return Path("/tmp") / f"db-{os.getuid()}-{name}"  # noqa: S108 made with 0700, and checked


def temp_folder(data: Path) -> Path:
    """Short, since a socket's path has at most 97 characters, and of our own, so that it meets no other user's."""
    folder = temp_path(data)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise CannotStart(f"{folder} is not a folder of yours; remove it")
    if found.st_mode & 0o077:  # others could have put something in it
        shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
    # Ray opens its folder to everybody; it lies inside this one, which stays closed.
    sessions = sorted(entry for entry in (folder / "r").glob("session_2*") if not entry.is_symlink())
    for session in sessions[:-SESSIONS_KEPT]:
        shutil.rmtree(session, ignore_errors=True)
    return folder


def logs_of(data: Path) -> list[Path]:
    """The logs of the newest start: ours, Serve's, and those of Ray's own processes."""
    logs = temp_path(data) / "r" / "session_latest" / "logs"
    ray = [file for kind in ("gcs_server", "raylet", "dashboard", "monitor") for file in logs.glob(f"{kind}*")]
    return [*ray, *(logs / "serve").glob("*.log"), *(logs / FOLDER).glob("*.jsonl")]
