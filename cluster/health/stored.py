"""What is kept: database, keys, buckets, snapshots, and what waits in the database. Pure."""

from __future__ import annotations

from datetime import datetime

from cluster.health.finding import Finding, failed, ok, warning

OLD_NOTICE_SECONDS = 60.0
LOST_NOTICE_SECONDS = 600.0
SNAPSHOT_SECONDS = 900.0
"""As the alert SnapshotTooOld has it."""

RESTORE_SECONDS = 86_400.0
"""As the alert NoVerifiedRestore has it."""


def database(place: str, revision: str | None, newest: str, milliseconds: float) -> Finding:
    """`revision` is the schema's, `newest` this program's."""
    said = f"{place}, schema {revision or 'none'}, answered in {milliseconds:.0f} ms"
    if revision is None or revision < newest:
        return failed(f"{said}; this program's schema is {newest}", "doorbell migrate")
    if revision > newest:
        return failed(
            f"{said}; this program knows {newest} at the most", "run the version that made it, or a later one"
        )
    return ok(said)


def keyring(people: int, without: int) -> Finding:
    """How many of the people who were looked at have no key that opens."""
    if without:
        return failed(f"{without} of {people} people who were looked at have no key", "docs/runbooks/key-lost.md")
    return ok(f"the keys of {people} people who were looked at open" if people else "nobody is enrolled")


def queue(
    due: int, oldest_seconds: float, failed_today: int, uncertain_today: int, admitted: int, refused: int
) -> Finding:
    """Notices that are due, those given up or left uncertain within a day, and frames of the last ten minutes."""
    frames = f"{admitted} frames taken and {refused} refused in ten minutes"
    notices = f"{due} notices due" + (f", the oldest for {oldest_seconds:.0f} s" if due else "")
    said = f"{notices}, {failed_today} given up and {uncertain_today} uncertain today; {frames}"
    if due and oldest_seconds > LOST_NOTICE_SECONDS:
        return failed(said, "see whether the application courier runs, and what its log says of the channel")
    if due and oldest_seconds > OLD_NOTICE_SECONDS:
        return warning(said, "the courier is behind: look at its log for the channel that refuses")
    if failed_today:
        return warning(said, "recipients were not reached: check their URLs in DOORBELL_NOTICES_FILE")
    if uncertain_today:
        return warning(said, "a courier died while it sent them: docs/runbooks/notices-failing.md")
    if refused:
        return warning(said, "doorbell autoscaling explain; more room: doorbell capacity plan")
    return ok(said)


def snapshots(newest: datetime | None, verified: datetime | None, count: int, now: datetime) -> Finding:
    """`verified` is when a snapshot was last restored, or read back, and found right."""
    if newest is None:
        return failed("there is no snapshot", "doorbell backup snapshot")
    age = (now - newest).total_seconds()
    said = f"{count} snapshots, the newest {_age(age)} old"
    if age > SNAPSHOT_SECONDS:
        return failed(said, "doorbell backup snapshot; docs/runbooks/bucket-unreachable.md")
    if verified is None:
        return warning(f"{said}; no restore was ever rehearsed", "doorbell backup drill")
    rehearsed = (now - verified).total_seconds()
    said += f"; last verified {_age(rehearsed)} ago"
    if rehearsed > RESTORE_SECONDS:
        return failed(said, "doorbell backup drill, and read what it says")
    return ok(said)


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
