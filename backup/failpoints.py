"""Places at which a test ends the process as a power cut would."""

from __future__ import annotations

import os
import signal
from collections import Counter
from threading import Lock

ALL = (
    "commit.after_put",
    "commit.before_put",
    "keyring.after_put",
    "keyring.before_put",
    "prune.after_condemn",
    "prune.after_mark_removed",
    "prune.after_remove",
    "prune.after_sweep",
    "prune.before_condemn",
    "replicate.after_chunk",
    "replicate.after_manifest",
    "replicate.before_manifest",
    "restore.after_blobs",
    "restore.after_check",
    "restore.after_rename",
    "restore.after_rows",
    "restore.after_schema",
    "restore.after_table",
    "restore.before_swap",
    "restore.begun",
    "restore.between_renames",
    "restore.done",
    "rotate.after_slot",
    "snapshot.before_commit",
    "undo.after_rename",
    "undo.after_schema",
    "undo.before_clear",
    "undo.between_renames",
    "upload.after_put",
    "upload.before_put",
)
"""Every one that is in the source; a test holds this list against it."""

VARIABLE = "DOORBELL_FAILPOINT"
_passed: Counter[str] = Counter()
_lock = Lock()


def reached(name: str) -> None:
    """End this process by SIGKILL where DOORBELL_FAILPOINT is this name, or `name:3` and it is the third time."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    named, _, times = wanted.partition(":")
    if named != name:
        return
    with _lock:
        _passed[name] += 1
        if _passed[name] == int(times or 1):
            os.kill(os.getpid(), signal.SIGKILL)
