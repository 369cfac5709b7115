"""`doorbell backup drill`: the newest snapshot restored into an empty place, with a cluster on it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from backup.drill import Drill
from backup.errors import Busy
from backup.manifest import Manifest
from backup.repository import Repository
from cluster import supervisor
from cluster.cli import backed_up, left
from cluster.cli.backup import now
from cluster.cli.bench.interruptible import interruptible
from cluster.cli.keys import AsJson
from serve_apps.settings import PREFIX, Settings, load

REPORTS = "drills"
"""Folder of the reports, in the data folder."""

LASTING = frozenset({"DOORBELL_PROVIDER", "DOORBELL_ENGINE", "DOORBELL_RELEASE_ENGINES", "DOORBELL_RELEASE_LICENCES"})
"""Settings that say what a machine can run; all others name places of the source, which a drill must not touch."""


def drill(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the restored state, until the next drill, start or erasure.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Restore the newest snapshot into an empty place, start the application there, and compare it with the source.

    People, faces, events and keys, row by row; the answers to golden frames and to enrolled people's pictures; how much
    a loss would have cost (RPO) and how long it would have taken (RTO). Nothing of the source is changed, and nobody is
    told. Status 1 when there is a difference. The cluster does this by itself (DOORBELL_BACKUP_DRILL_HOURS).
    """
    if not supervisor.inside():
        return supervisor.run_inside(["-m", "cluster.cli.main", *sys.argv[1:]])
    settings = load()
    opened = backed_up.repository(settings)
    with interruptible(), left.drilling(settings.folder) as alone:
        if not alone:
            raise Busy("another drill is under way; wait until it has ended")
        done = _drilled(settings, opened, keep)
    report = done.as_json()
    path = settings.folder / REPORTS / f"{done.began_at:%Y%m%dT%H%M%SZ}.json"
    written(path, report)
    if not done.different:
        opened.verified(done.snapshot, now())
    if as_json:
        print(json.dumps(report))
    else:
        print(_lines(done))
        print(f"report: {path}")
    return 1 if done.different else 0


def written(path: Path, report: Mapping[str, Any]) -> None:
    """A report, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(0o600)
    path.write_text(json.dumps(report, indent=1) + "\n")


def _drilled(settings: Settings, opened: Repository, keep: bool) -> Drill:
    from cluster.cli import drill_answers as answers

    source = backed_up.state(settings)
    began, manifest = now(), opened.latest()
    with restored(settings, opened, manifest, keep) as (here, seconds):
        from cluster.cli.drill_rows import compared

        rows = compared(backed_up.state(here).database, source.database, manifest.taken_at)
        shown = answers.frames(settings, answers.gallery_of(settings))
        expected = answers.of_source(settings, shown)
        seen = asked(here, shown)
    different = [*rows.different, *answers.unlike(seen.answers, expected, sorted(rows.changed))]
    if seen.people != rows.rows["people"]:
        different.append(f"people: the application lists {seen.people}, {rows.rows['people']} rows were restored")
    return Drill(
        snapshot=manifest.id,
        taken_at=manifest.taken_at,
        began_at=began,
        rpo_seconds=round((began - manifest.taken_at).total_seconds(), 3),
        rto_seconds=round(seconds + seen.seconds, 3),
        restore_seconds=round(seconds, 3),
        start_seconds=round(seen.seconds, 3),
        rows_compared=sum(rows.rows.values()),
        people_compared=rows.rows["people"],
        events_compared=rows.rows["events"],
        frames_compared=len(seen.answers),
        different=tuple(different),
    )


@contextmanager
def restored(
    settings: Settings, opened: Repository, manifest: Manifest, keep: bool
) -> Iterator[tuple[Settings, float]]:
    """The settings of an empty place with the snapshot in it, and the seconds it took; this process is there then."""
    from backup.restore.whole import restore

    apart, place = backed_up.keyring_place(settings), settings.folder / left.DRILL
    shutil.rmtree(place, ignore_errors=True)
    there = elsewhere(os.environ, place)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ.update(there)
    here, began = load(), time.monotonic()
    try:
        restore(backed_up.state(here), opened, apart, manifest.id)
        yield here, time.monotonic() - began
    finally:
        if keep and place.exists():
            (place / left.KEPT).touch()
        else:
            shutil.rmtree(place, ignore_errors=True)


def elsewhere(environment: Mapping[str, str], place: Path) -> dict[str, str]:
    """The settings of a system of its own in a folder: nothing of it leads to the source's places or recipients."""
    return {name: environment[name] for name in LASTING & environment.keys()} | {"DOORBELL_DATA": str(place)}


@dataclass(frozen=True, slots=True)
class Seen:
    """What the restored application answered, `seconds` after its start was begun; `people` are those it lists."""

    seconds: float
    answers: Mapping[str, Any]
    people: int


def asked(here: Settings, shown: Mapping[str, bytes]) -> Seen:
    """Start the application on the restored state, and show it the frames. Raises CannotStart, NoAnswer."""
    from cluster.cli import drill_answers as answers
    from cluster.cli.access import temporary_key
    from cluster.cli.bench.own_cluster import free_ports
    from cluster.cli.up import build_graphs, prepare
    from cluster.launcher import local_cluster
    from cluster.security.api_keys import Scope
    from cluster.temporary import temp_folder

    began = time.monotonic()
    prepare(here)
    scopes = frozenset({Scope.FRAMES, Scope.PEOPLE})
    build = partial(build_graphs, here)
    running = local_cluster(here.folder, free_ports(), _say, rest="never", meanwhile=build)
    with running as url, temporary_key("drill", scopes) as key:
        found = answers.of_application(url, key, shown)
        first = next(found)
        seconds = time.monotonic() - began
        people = len(answers.listed(url, key, "/api/v1/recognition/people", "people"))
        seen = Seen(seconds, dict([first, *found]), people)
    shutil.rmtree(temp_folder(here.folder), ignore_errors=True)
    return seen


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _lines(done: Drill) -> str:
    said = [
        f"{done.snapshot} restored in {done.restore_seconds:.1f} s, answering {done.start_seconds:.1f} s later: "
        f"RTO {done.rto_seconds:.1f} s, RPO {done.rpo_seconds:.1f} s",
        f"{done.rows_compared:,} rows and {done.frames_compared} answers compared with the source: "
        f"{len(done.different)} differences",
        *done.different,
    ]
    return "\n".join(said)
