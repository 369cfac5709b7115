"""How snapshots, sizes and progress are shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from backup.manifest import Manifest


@contextmanager
def progress(doing: str, *, as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar of bytes with an estimate on a terminal's standard error; silence elsewhere."""
    if as_json or not sys.stderr.isatty():
        yield lambda *_: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=max(done, total))


def size(count: float) -> str:
    """Bytes in their largest unit of 10^3."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def described(manifest: Manifest) -> dict[str, Any]:
    """A snapshot in a few numbers; bytes are those before compression."""
    counts = {each.name: each.count for each in manifest.collections}
    return {
        "id": manifest.id,
        "taken_at": moment(manifest.taken_at),
        "rows": manifest.rows,
        "people": counts.get("people", 0),
        "events": counts.get("events", 0),
        "bytes": sum(each.size for each in manifest.collections),
        "engine": manifest.source.engine,
        "revision": manifest.source.revision,
        "program": manifest.program,
    }


def moment(at: datetime) -> str:
    """RFC 3339 to the millisecond."""
    return at.isoformat(timespec="milliseconds")
