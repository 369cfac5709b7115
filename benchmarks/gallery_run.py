"""One recognizer's index in a process of its own: `python -m benchmarks.gallery_run first|restart FOLDER`.

`first` starts as on the day when the gallery became large: everybody is read from the database, lists are made and
saved. `restart` starts as a replica does afterwards, and is asked. Both print one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gallery_fill import SPACE, gallery_in
from serve_apps.faces import Match, Standing
from serve_apps.gallery.archive import Archive
from serve_apps.gallery.index import GalleryIndex
from serve_apps.gallery.keeper import Keeper
from serve_apps.gallery.person import NewFace
from serve_apps.gallery.store import Gallery
from serve_apps.recognition.match import nearest

CHANGES = 40


def first(folder: Path) -> dict[str, Any]:
    """Load from the database, and make and save the lists where the size asks for them."""
    started = time.perf_counter()
    index, archive = _started(folder)
    loaded = time.perf_counter()
    Keeper(index, archive).tend(0)
    made = time.perf_counter()
    saved = archive.path.stat().st_size if archive.path.exists() else 0
    return {
        "database_load_seconds": round(loaded - started, 2),
        "build_seconds": round(made - loaded, 2) if index.search.lists else 0.0,
        "saved_mb": round(saved / 1e6, 1),
        "build_peak_mb": _memory("VmHWM"),
    }


def restart(folder: Path) -> dict[str, Any]:
    """Start, then search for every query, then enrol and remove."""
    queries = np.load(folder / "queries.npy")
    ids, distances, margins = (np.load(folder / f"{name}.npy") for name in ("people", "distances", "margins"))
    before, started = _memory("VmRSS"), time.perf_counter()
    index, archive = _started(folder)
    took, resident = time.perf_counter() - started, _memory("VmRSS")
    milliseconds, cpu_milliseconds, found = _searched(index, queries)
    found_nearest = [
        match.person_id == person and match.distance == distance
        for match, person, distance in zip(found, ids.tolist(), distances.tolist(), strict=True)
    ]
    right_margin = [match.margin == margin for match, margin in zip(found, margins.tolist(), strict=True)]
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return {
        "search": "exact" if index.search.lists is None else "lists, ranked exactly",
        "from_saved": index.from_saved,
        "load_seconds": round(took, 2),
        "resident_mb": _memory("VmRSS"),
        "resident_before_searching_mb": resident,
        "resident_empty_mb": before,
        "load_peak_mb": _memory("VmHWM"),
        "p50_ms": round(float(p50), 3),
        "p99_ms": round(float(p99), 3),
        "p50_cpu_ms": round(float(np.percentile(cpu_milliseconds, 50)), 3),
        "p99_cpu_ms": round(float(np.percentile(cpu_milliseconds, 99)), 3),
        "recall_at_1": round(float(np.mean(found_nearest)), 5),
        "recall_at_1_enrolled": round(float(np.mean(found_nearest[: -(len(found) // 2)])), 5),
        "recall_at_1_strangers": round(float(np.mean(found_nearest[-(len(found) // 2) :])), 5),
        "same_distance_and_margin": round(float(np.mean(np.logical_and(found_nearest, right_margin))), 5),
        **_changed(index, Keeper(index, archive), gallery_in(folder), queries),
    }


def _started(folder: Path) -> tuple[GalleryIndex, Archive]:
    gallery = gallery_in(folder)
    archive = Archive(folder / "index", gallery, SPACE)
    return GalleryIndex(gallery, SPACE, archive), archive


def _searched(index: GalleryIndex, queries: np.ndarray) -> tuple[list[float], list[float], list[Match]]:
    """Milliseconds on the clock, those of the processor, and the answers; the first questions warm up."""
    search = index.at_least(index.version)
    for query in queries[:50]:
        nearest(query, search, 1)
    milliseconds, cpu_milliseconds, found = [], [], []
    for query in queries:
        began, cpu_began = time.perf_counter(), time.thread_time()
        match = nearest(query, search, 1)[0]
        cpu_milliseconds.append((time.thread_time() - cpu_began) * 1000)
        milliseconds.append((time.perf_counter() - began) * 1000)
        found.append(match)
    return milliseconds, cpu_milliseconds, found


def _changed(index: GalleryIndex, keeper: Keeper, gallery: Gallery, queries: np.ndarray) -> dict[str, float]:
    """Enrol people and remove them: the milliseconds in which the index follows a change, and that it was seen."""
    now = datetime.now(UTC)
    people = []
    following: dict[str, list[float]] = {"added": [], "removed": []}
    for number in range(CHANGES):
        person = gallery.add_person(f"New {number}", Standing.KNOWN, now)
        gallery.add_face(person, NewFace(f"{number:064}", 1.0, queries[number], SPACE, b""), now)
        following["added"].append(_follow(index))
        people.append(person)
    keeper.tend(0)  # takes them into the lists
    seen = sum(nearest(queries[n], index.search, 1)[0].person_id == person.id for n, person in enumerate(people))
    for person in people:
        gallery.remove_people([person])
        following["removed"].append(_follow(index))
    gone = {person.id for person in people}
    left = sum(nearest(queries[number], index.search, 1)[0].person_id in gone for number in range(CHANGES))
    return {
        "add_ms": round(float(np.median(following["added"])), 2),
        "remove_ms": round(float(np.median(following["removed"])), 2),
        "added_found": seen / CHANGES,
        "removed_found": left / CHANGES,
    }


def _follow(index: GalleryIndex) -> float:
    began = time.perf_counter()
    index.follow()
    return (time.perf_counter() - began) * 1000


def _memory(name: str) -> float:
    """VmRSS (resident now) or VmHWM (the most so far) of this process in MB of 10^6 bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return round(int(kilobytes) * 1024 / 1e6, 1)


if __name__ == "__main__":
    print(json.dumps({"first": first, "restart": restart}[sys.argv[1]](Path(sys.argv[2]))))
