"""The application `backup` of Serve's config: `cluster.backup_app:backup`. What its replica does, and how often."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from ray.serve import Application

from backup.deployments import BackupReplica
from backup.errors import BackupError, NoSuchSnapshot
from backup.meter import Meter
from backup.places import State
from backup.repository import Repository
from backup.rounds import Job, Rounds
from backup.schedule import Cadence, age_at_start
from backup.standing_back import StandingBack
from cluster import supervisor
from serve_apps.replica import settle_in
from serve_apps.settings import Settings, load

log = logging.getLogger("backup")

AGAIN_SECONDS = 2.0
PRUNE_SECONDS = 3600.0
TELL_SECONDS = 60.0
DRILL_AGAIN_SECONDS = 600.0
DRILL_SECONDS = 3600.0
"""A drill that takes longer is ended: it is stuck."""


def backup(_: dict[str, str]) -> Application:
    """Snapshots, and rehearsed restores."""
    deployment: Any = BackupReplica
    bound: Application = deployment.bind(build)
    return bound


def build(meter: Meter) -> Sequence[Rounds]:
    """The rounds of one replica: what is small and often, and beside it what takes long."""
    settle_in("backup")
    duties = Duties(load(), meter)
    return [Rounds(jobs, duties.failed) for jobs in (duties.often(), duties.copies(), duties.seldom())]


@dataclass(frozen=True)
class Duties:
    """What is done in turn, and told. The repository is opened at the first need: it may be away at the start."""

    settings: Settings
    meter: Meter
    standing_back: StandingBack = field(default_factory=StandingBack)

    @cached_property
    def repository(self) -> Repository:
        """Kept open, since it knows what it has put."""
        from cluster.cli import backed_up

        return backed_up.repository(self.settings)

    def often(self) -> list[Job]:
        """What has to be small."""
        every = self.settings.backup_every_seconds
        return [Job("snapshot", Cadence(every, AGAIN_SECONDS), self.snapshot, self.snapshot_age)] if every else []

    def copies(self) -> list[Job]:
        """Snapshots to the second place."""
        if not self.settings.backup_replicate_to or not self.settings.backup_every_seconds:
            return []
        cadence = Cadence(self.settings.backup_every_seconds, AGAIN_SECONDS)
        return [Job("replicate", cadence, self.replicate, lambda: None)]

    def seldom(self) -> list[Job]:
        """What no snapshot waits for."""
        jobs = [
            Job("tell", Cadence(TELL_SECONDS, TELL_SECONDS), self.tell, lambda: None),
            Job("prune", Cadence(PRUNE_SECONDS, DRILL_AGAIN_SECONDS), self.prune, lambda: 0.0),
        ]
        if hours := self.settings.backup_drill_hours:
            cadence = Cadence(timedelta(hours=hours).total_seconds(), DRILL_AGAIN_SECONDS)
            jobs.append(Job("drill", cadence, self.drill, self.verified_age))
        return jobs

    def failed(self, job: str) -> None:
        """Counts it."""
        self.meter.add("backup_failures", 1)

    def snapshot(self) -> None:
        """Raises what a snapshot raises."""
        from backup.snapshot import snapshot
        from cluster.cli import backed_up, left

        left.clear_forsaken_drill(self.settings.folder, self.state.database)
        apart = backed_up.keyring_place(self.settings)
        with self.standing_back() as behind:
            taken = snapshot(self.state, self.repository, apart, _now, behind=behind)
        self.meter.set("backup_last_snapshot_timestamp_seconds", taken.manifest.taken_at.timestamp())
        self.meter.set("backup_snapshot_seconds", taken.seconds)
        self.meter.add("backup_uploaded_bytes", taken.bytes_uploaded)

    def snapshot_age(self) -> float | None:
        """Of the newest one, which is told at once: it may be another process's."""
        try:
            at = self.repository.latest().taken_at.timestamp()
        except NoSuchSnapshot:
            return None
        self.meter.set("backup_last_snapshot_timestamp_seconds", at)
        return age_at_start(at, time.time())

    def replicate(self) -> None:
        """Raises what replicating raises."""
        from cluster.cli.backup_care import replicated

        done = replicated(self.settings, self.repository, _now())
        self.meter.set("backup_replication_lag_seconds", done.lag_seconds)

    def prune(self) -> None:
        """Raises what pruning raises."""
        from backup.prune import prune
        from cluster.cli import backed_up

        done = prune(self.repository, backed_up.policy(self.settings), _now())
        log.info("backup.pruned snapshots=%d bytes=%d", len(done.removed), done.bytes_freed)

    def drill(self) -> None:
        """In a process of its own, with a cluster of its own. Raises BackupError when something was not right."""
        told = drilled(dict(os.environ))
        self.meter.set("backup_drill_rto_seconds", told["rto_seconds"])
        self.meter.set("backup_drill_rpo_seconds", told["rpo_seconds"])
        if told["differences"]:
            raise BackupError(f"the restored state differs: {'; '.join(told['different'])}")
        self.tell()

    def verified_age(self) -> float | None:
        """Of the newest restore that was right. Raises NoSuchSnapshot while there is nothing to restore."""
        if not self.repository.ids():
            raise NoSuchSnapshot("there is no snapshot to restore yet")
        return age_at_start(self._verified_at(), time.time())

    def tell(self) -> None:
        """What others have done, too: an operator's drill counts. 1970 stands for no verified restore."""
        self.meter.set("backup_last_verified_restore_timestamp_seconds", self._verified_at() or 0.0)

    def _verified_at(self) -> float | None:
        return max((each.timestamp() for each in self.repository.verified_ids().values()), default=None)

    @cached_property
    def state(self) -> State:
        """Where everything is."""
        from cluster.cli import backed_up

        return backed_up.state(self.settings)


def drilled(environment: dict[str, str]) -> dict[str, Any]:
    """What `doorbell backup drill --json` prints, run from here. It ends with this process. Raises BackupError."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("RAY_", "SERVE_"))}
    kept[supervisor.INSIDE] = str(os.getpid())
    command = [sys.executable, "-m", "cluster.cli.main", "backup", "drill", "--json"]
    try:
        done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=DRILL_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise BackupError(f"the drill was still going on after {DRILL_SECONDS:.0f} s") from error
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise BackupError(f"the drill ended with status {done.returncode}: {lines[-1]}") from None
    return told


def _now() -> datetime:
    return datetime.now(UTC)
