"""`doorbell bench gallery`: how long a gallery of so many embeddings takes to load and to search.

Each size is a real data folder: sealed embeddings in SQLite, keys in the keyring. One process starts on it for the
first time and saves an index; a second one restarts, and load time, memory and searches are its own. It runs on one
thread, as a recognizer does, and holds nothing but the gallery; a recognizer's engine comes on top.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.gallery_fill import fill
from benchmarks.machine import machine
from benchmarks.made_faces import made_gallery, two_nearest

QUERIES = 4_000
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
Say = Callable[[str], None]


class GalleryRunFailed(Exception):
    """The process that is measured ended with an error."""


@dataclass(frozen=True, slots=True)
class GalleryReport:
    """A row for each size, as in the contract and more."""

    date: str
    machine: dict[str, Any]
    queries: int
    sizes: list[dict[str, Any]]


def measure(sizes: Sequence[int], folder: Path, say: Say) -> GalleryReport:
    """Every size, in data folders that are gone afterwards. Raises GalleryRunFailed.

    A million takes some minutes and 2.5 GB on the disk.
    """
    rows = [_measured(size, folder, say) for size in sizes]
    about = machine() | {"faiss": version("faiss-cpu")}
    return GalleryReport(datetime.now(UTC).isoformat(timespec="seconds"), about, QUERIES, rows)


def _measured(size: int, parent: Path, say: Say) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as name:
        folder = Path(name)
        say(f"{size:,} embeddings: making them and their true neighbours …")
        made = made_gallery(size, QUERIES)
        people, distances, margins = two_nearest(made)
        say(f"{size:,} embeddings: sealing them into a database …")
        ids = fill(folder, made, lambda done, total: None)
        for key, array in (
            ("queries", made.queries),
            ("people", np.array(ids)[people]),
            ("distances", distances),
            ("margins", margins),
        ):
            np.save(folder / f"{key}.npy", array)
        del made
        say(f"{size:,} embeddings: first start …")
        first = _run("first", folder)
        say(f"{size:,} embeddings: restart and searches …")
        return {"embeddings": size, **_run("restart", folder), **first}


def _run(which: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.gallery_run", which, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ONE_THREAD, check=False)  # noqa: S603
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise GalleryRunFailed(f"the {which} start on {folder} failed: {last}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def table(report: GalleryReport) -> Table:
    """The report for people."""
    columns = ("embeddings", "search", "ready s", "resident MB", "p50 ms", "p99 ms", "recall@1", "first start s")
    shown = Table(*columns, title=f"Gallery, one thread, {report.machine['processor']}")
    for row in report.sizes:
        from_nothing = row["database_load_seconds"] + row["build_seconds"]
        cells = (row["search"], row["load_seconds"], row["resident_mb"], row["p50_ms"], row["p99_ms"])
        shown.add_row(f"{row['embeddings']:,}", *map(str, cells), f"{row['recall_at_1']:.2%}", f"{from_nothing:.1f}")
    shown.caption = f"{report.queries} queries, half of them strangers; recall against brute force"
    return shown
