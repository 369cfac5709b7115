"""A frame that waits on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """A frame on disk, by what its header says; ids and trigger are empty where that cannot be read.

    `size` in bytes; `captured_s` is the monotonic clock at capture, None for a frame of an earlier process;
    `waited_s0` how long such a frame had waited when the spool was opened, in seconds of running time.
    """

    number: int
    frame_id: str
    camera_id: str
    trigger: str
    face: bool | None
    path: Path
    size: int
    captured_s: float | None = None
    waited_s0: float = 0.0
