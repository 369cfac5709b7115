"""Snapshots on a schedule inside a running cluster, an erasure, and a rehearsed restore beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from cluster.sample_run import enrol_samples
from cluster.temporary import temp_folder
from samples.frames import PEOPLE
from tests.conftest import eventually
from tests.integration.conftest import Receiver, RunningCluster, started

NEWEST = "ray_backup_last_snapshot_timestamp_seconds"
FAILURES = "ray_backup_failures_total"
NOBODY = Receiver("json://127.0.0.1:9")
VERIFIED = "ray_backup_last_verified_restore_timestamp_seconds"


def variables(folder: Path) -> dict[str, str]:
    return {
        "DOORBELL_BACKUP_URL": str(folder / "snapshots"),
        "DOORBELL_BACKUP_KEYRING_URL": str(folder / "keyring-copy"),
        "DOORBELL_BACKUP_PASSPHRASE_FILE": str(folder / "passphrase"),
        "DOORBELL_BACKUP_REPLICATE_TO": str(folder / "second"),
        "DOORBELL_BACKUP_KEYRING_REPLICATE_TO": str(folder / "second-keyring"),
        "DOORBELL_BACKUP_EVERY_SECONDS": "2",
        "DOORBELL_BACKUP_DRILL_HOURS": "20",
    }


class Backed:
    """A cluster with snapshots, and the command line beside it."""

    def __init__(self, cluster: RunningCluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder

    def doorbell(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        given = {"DOORBELL_DATA": str(self.cluster.data), "DOORBELL_API_URL": self.cluster.url}
        command = [sys.executable, "-m", "cluster.cli.main", *arguments]
        environment = os.environ | variables(self.folder) | given
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)

    def told(self, *arguments: str) -> dict:
        done = self.doorbell("backup", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def snapshots(self) -> int:
        return len(list((self.folder / "snapshots" / "snapshots").glob("2*")))

    def metric(self, name: str) -> float | None:
        """Of the newest process that tells it."""
        found = json.loads((temp_folder(self.cluster.data) / "r" / "prom_metrics_service_discovery.json").read_text())
        values = []
        for target in found[0]["targets"]:
            lines = []
            with suppress(httpx.HTTPError):  # one that was listed may have ended
                lines = httpx.get(f"http://{target}/metrics", timeout=10).text.splitlines()
            values += [float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{")]
        return max(values, default=None)


DRILLED = """
from backup.snapshot import snapshot
from cluster.cli import backed_up
from cluster.cli.backup import now
from serve_apps.database import connect, migrate
from serve_apps.settings import load
settings = load()
settings.folder.mkdir()
migrate(connect(settings.database_url))
opened = backed_up.repository(settings)
snapshot(backed_up.state(settings), opened, backed_up.keyring_place(settings), now)
opened.verified(opened.latest().id, now())
"""
"""Says that a restore was rehearsed just now, so that the cluster does not begin with one of an empty gallery."""


@pytest.fixture(scope="module")
def backed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backed]:
    folder = tmp_path_factory.mktemp("backed")
    given = variables(folder)
    for arguments in (["-m", "cluster.cli.main", "backup", "init"], ["-c", DRILLED]):
        environment = os.environ | given | {"DOORBELL_DATA": str(folder / "data")}
        made = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=60)
        assert made.returncode == 0, made.stderr
    with started(folder / "data", NOBODY, given) as cluster:
        enrol_samples(cluster.url, cluster.key)
        yield Backed(cluster, folder)


def test_snapshots_go_on_when_their_process_is_killed_and_it_rehearses_a_restore_by_itself(backed: Backed) -> None:
    assert eventually(lambda: backed.snapshots() >= 3)
    for mark in (backed.folder / "snapshots" / "verified").iterdir():
        mark.unlink()  # no restore was ever rehearsed
    before = backed.snapshots()

    (replica,) = backed.cluster.processes("ServeReplica:backup")
    killed_at = time.time()  # what the killed process told is scraped for a while
    replica.send_signal(signal.SIGKILL)

    assert eventually(lambda: backed.snapshots() >= before + 2)
    assert eventually(lambda: (backed.metric(VERIFIED) or 0) > killed_at, seconds=240)
    (report,) = (backed.cluster.data / "drills").iterdir()
    drill = json.loads(report.read_text())
    assert drill["different"] == []
    assert drill["people_compared"] == len(PEOPLE)
    assert drill["frames_compared"] > len(PEOPLE)
    assert not (backed.cluster.data / "drill").exists()
    assert eventually(lambda: (backed.metric(NEWEST) or 0) > (backed.metric(VERIFIED) or 0))
    assert backed.told("status")["verified_at"] is not None


def test_an_erasure_reaches_every_copy_of_the_keyring_before_it_is_confirmed(backed: Backed) -> None:
    name = PEOPLE[0].name
    copies = [next((backed.folder / place / "keyring").iterdir()) for place in ("keyring-copy", "second-keyring")]
    before = [copy.read_bytes() for copy in copies]

    erased = backed.doorbell("people", "erase", name, "--json")

    assert erased.returncode == 0, erased.stderr
    told = json.loads(erased.stdout)
    assert [copy["confirmed"] for copy in told["keyring_copies"]] == [True, True]
    assert all(copy.read_bytes() != old for copy, old in zip(copies, before, strict=True))
    assert name not in backed.doorbell("people", "list", "--json").stdout


def test_a_place_that_was_away_is_found_again_with_everything_that_happened_meanwhile(backed: Backed) -> None:
    place, away = backed.folder / "snapshots", backed.folder / "away"
    place.rename(away)
    place.write_text("a disk that is not mounted")
    try:
        with backed.cluster.client() as api:
            assert api.post("/api/v1/recognition/subjects", json={"subject": "Meanwhile"}).status_code == 201
        assert eventually(lambda: (backed.metric(FAILURES) or 0) > 0)
    finally:
        place.unlink()
        away.rename(place)
    before = backed.snapshots()
    assert eventually(lambda: backed.snapshots() > before)
    assert backed.told("list")[-1]["people"] == len(PEOPLE)
