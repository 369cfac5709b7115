"""The newest decision in a file, for `doorbell autoscaling explain`. Standard library only.

A thread writes it, at most once a second, under another name and renamed: the controller never waits for a disk, and a
reader never sees half a file.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

PAUSE_S = 1.0
IDLE_S = 30.0
"""After so long without a note the thread ends: Serve has made another policy in the place of this one."""

Note = Callable[[], Mapping[str, Any]]
"""Makes what is written; called in the thread, so that the controller does not pay for it."""


class Notes:
    """Keeps one file as new as the last note."""

    def __init__(self, file: Path, pause: float = PAUSE_S, idle: float = IDLE_S) -> None:
        self._file = file
        self._pause = pause
        self._idle = idle
        self._lock = threading.Lock()
        self._newest: Note | None = None
        self._noted = threading.Event()
        self._running = False

    def put(self, note: Note) -> None:
        """Have this written soon, unless a newer one comes first."""
        with self._lock:
            self._newest = note
            self._noted.set()
            starts, self._running = not self._running, True
        if starts:
            threading.Thread(target=self._run, name="autoscaling-notes", daemon=True).start()

    def _run(self) -> None:
        while note := self._next():
            with suppress(Exception):  # the outermost loop: neither a full disk nor an odd number may end it
                self._write(note())
            time.sleep(self._pause)

    def _next(self) -> Note | None:
        self._noted.wait(self._idle)
        with self._lock:
            note, self._newest = self._newest, None
            self._noted.clear()
            self._running = note is not None
        return note

    def _write(self, note: Mapping[str, Any]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = self._file.with_suffix(".new")
        made.write_text(json.dumps(note))
        made.replace(self._file)
