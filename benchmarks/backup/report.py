"""What RESULTS.md shows of `doorbell bench backup`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import number, table

Report = Mapping[str, Any]
ASKED = (
    ("RPO at a snapshot every 10 s, s", "rpo_seconds", "10"),
    ("RTO, s", "rto_seconds", "60"),
    ("memory, MB", "peak_mb", "300"),
    ("live p99 during snapshots, to that without", "live_p99_ratio", "1.2"),
)


def section(report: Report) -> list[str]:
    """Each command beside restic's, then what was asked for."""
    data, peer = report.get("data") or {}, report.get("restic") or {}
    first, second = report.get("first") or {}, report.get("incremental") or {}
    rows = [
        ("first snapshot", *_seconds(first, peer.get("first")), *_bytes(first, peer.get("first"))),
        (
            "a thousand events later",
            *_seconds(second, peer.get("incremental")),
            *_bytes(second, peer.get("incremental")),
        ),
        ("read all of it back", number(report.get("verify_seconds")), _second(peer.get("verify")), "", ""),
        ("restore", number(report.get("restore_process_seconds")), _second(peer.get("restore")), "", ""),
    ]
    measured = [(name, number(report.get(key), 2), most) for name, key, most in ASKED]
    return [
        *_words(report, data),
        *table(("", "ours s", "restic s", "ours MB stored", "restic MB stored"), rows),
        *table(("", "measured", "asked"), measured),
    ]


def _words(report: Report, data: Report) -> list[str]:
    first, drill = report.get("first") or {}, report.get("drill") or {}
    return [
        f"{number(data.get('people'))} people, {number(data.get('events'))} events, a database of "
        f"{_megabytes(data.get('database_bytes'))} MB, crops of {_megabytes(data.get('crops_bytes'))} MB, in folders "
        "of one disk. Seconds are those of the whole command; restic reads the same files, while nothing writes them.",
        f"The first snapshot takes {number(first.get('mb_per_second'))} MB/s and "
        f"{number(first.get('machine_share'), 2)} of the machine, verify {number(report.get('verify_mb_per_second'))} "
        f"MB/s. The drill restored the newest in {number(drill.get('restore_seconds'))} s, had the first answer "
        f"{number(drill.get('start_seconds'))} s later, and found {number(drill.get('differences'))} differences in "
        f"{number(drill.get('rows_compared'))} rows.",
    ]


def _seconds(ours: Report, theirs: Report | None) -> tuple[str, str]:
    return number(ours.get("process_seconds")), _second(theirs)


def _second(theirs: Report | None) -> str:
    return number((theirs or {}).get("seconds"))


def _bytes(ours: Report, theirs: Report | None) -> tuple[str, str]:
    return _megabytes(ours.get("bytes_uploaded")), _megabytes((theirs or {}).get("bytes_stored"))


def _megabytes(count: Any) -> str:
    return number(count / 1e6) if isinstance(count, int | float) else number(None)
