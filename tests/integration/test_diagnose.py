"""`doorbell diagnose` with parts of the system dead: as a process of its own, since it must end while they hang."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest

from backup.snapshot import snapshot
from cluster.monitoring.disk_history import Sample, free_bytes, history_file
from cluster.security.api_keys import KeyStore, Scope, id_of
from cluster.security.devices import DeviceStore, Heartbeat
from cluster.temporary import temp_path
from tests.conftest import free_ports
from tests.integration.backed_up import House, Vault
from tests.integration.conftest import RunningCluster

NOBODY = "http://127.0.0.1:9"
TRIES = 5

Parts = dict[str, dict[str, Any]]


def diagnosed(data: Path, *more: str, prompt: Collection[str] = (), **settings: str) -> tuple[int, Parts]:
    """The exit status, and the parts by name; anew where one of the `prompt` ones, all by default, came too late.

    On busy cores that says nothing of the part.
    """
    given = dict(zip(more[::2], more[1::2], strict=True))
    for _ in range(TRIES):
        if bundle := given.get("--bundle"):
            Path(bundle).unlink(missing_ok=True)
        status, parts = diagnosed_once(data, given, settings)
        if not any(parts[name]["evidence"].startswith("no answer within") for name in prompt or parts):
            break
    return status, parts


def diagnosed_once(data: Path, given: dict[str, str], settings: dict[str, str]) -> tuple[int, Parts]:
    options = [part for option in ({"--url": NOBODY, "--dashboard": NOBODY} | given).items() for part in option]
    command = [sys.executable, "-m", "cluster.cli.main", "diagnose", "--json", *options]
    environment = os.environ | {"DOORBELL_DATA": str(data)} | settings
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    told = json.loads(done.stdout)
    print(f"{told['seconds']} s in all:", {part["part"]: part["seconds"] for part in told["parts"]})
    assert told["status"] == done.returncode
    return done.returncode, {part["part"]: part for part in told["parts"]}


def states(parts: Parts) -> dict[str, str]:
    return {name: part["state"] for name, part in parts.items()}


@contextmanager
def silence() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        yield listening.getsockname()[1]


def test_without_any_cluster_every_part_says_what_it_knows(tmp_path: Path) -> None:
    status, parts = diagnosed(tmp_path / "none")
    found = states(parts)
    assert status == 2
    assert (found["nodes"], found["public address"], found["database"]) == ("failed", "failed", "failed")
    assert (found["replicas"], found["queue"], found["boxes"]) == ("unknown", "unknown", "unknown")
    assert (found["disks"], found["certificates"]) == ("ok", "ok")
    assert all(part["evidence"] for part in parts.values())
    assert all(part["next_step"] for part in parts.values() if part["state"] in ("failed", "warning"))
    assert not (tmp_path / "none").exists()


def test_a_setting_that_is_misspelt_is_the_finding(tmp_path: Path) -> None:
    status, parts = diagnosed(tmp_path, DOORBELL_MAX_WATING="5")
    assert (status, list(parts)) == (2, ["settings"])
    assert "DOORBELL_MAX_WAITING" in parts["settings"]["evidence"]


def test_a_database_that_is_dead_hides_what_is_in_it_and_nothing_else(home: House) -> None:
    (port,) = free_ports(1)
    _, parts = diagnosed(home.folder, DOORBELL_DATABASE_URL=f"postgresql://doorbell:hunter2@127.0.0.1:{port}/x")
    assert parts["database"]["state"] == "failed"
    assert parts["queue"]["state"] == parts["release"]["state"] == "unknown"
    assert parts["disks"]["state"] == "ok"
    assert "hunter2" not in json.dumps(parts)


def test_a_database_and_a_bucket_that_hang_are_told_in_time(home: House) -> None:
    (home.folder / "ray_token").write_text("token")
    with silence() as port:
        settings = {
            "DOORBELL_DATABASE_URL": f"postgresql://doorbell@127.0.0.1:{port}/x",
            "DOORBELL_CROPS_URL": "s3://crops/faces",
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        places = ("--url", f"http://127.0.0.1:{port}", "--dashboard", f"http://127.0.0.1:{port}")
        status, parts = diagnosed(home.folder, *places, prompt=("disks", "certificates"), **settings)
    hanging = ("nodes", "public address", "database", "bucket of crops")
    assert {parts[part]["state"] for part in hanging} == {"failed"}
    assert (status, parts["disks"]["state"], parts["certificates"]["state"]) == (2, "ok", "ok")


def test_a_bucket_that_answers_is_well_and_one_that_is_not_there_has_failed(home: House, s3: dict[str, str]) -> None:
    settings = s3 | {"DOORBELL_CROPS_URL": "s3://crops/faces", "DOORBELL_RELEASES_URL": "s3://missing/releases"}
    _, parts = diagnosed(home.folder, **settings)
    assert (parts["bucket of crops"]["state"], parts["bucket of releases"]["state"]) == ("ok", "failed")
    assert "NoSuchBucket" in parts["bucket of releases"]["evidence"]


def test_a_lost_keyring_and_another_master_key_are_told(home: House) -> None:
    home.enrol("Ada")
    assert diagnosed(home.folder)[1]["keyring"]["state"] == "ok"
    (home.folder / "master.key").write_bytes(bytes(32))
    assert "have no key" in diagnosed(home.folder)[1]["keyring"]["evidence"]
    (home.folder / "keyring.db").unlink()
    assert "is not there" in diagnosed(home.folder)[1]["keyring"]["evidence"]
    assert not (home.folder / "keyring.db").exists()


def test_a_box_that_is_silent_and_an_old_certificate_are_told(home: House, tmp_path: Path) -> None:
    import trustme

    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    key = KeyStore(home.database).create("porch", frozenset({Scope.FRAMES}), long_ago)
    DeviceStore(home.database).heard(id_of(key), Heartbeat({"cameras": []}, long_ago), long_ago)
    issued = trustme.CA().issue_cert("door.example", not_after=long_ago)
    issued.cert_chain_pems[0].write_to_path(tmp_path / "door.pem")
    _, parts = diagnosed(home.folder, DOORBELL_CERTIFICATES=str(tmp_path / "door.pem"))
    assert "1 silent" in parts["boxes"]["evidence"]
    assert "it has ended" in parts["certificates"]["evidence"]


def test_a_prometheus_that_is_away_is_told_where_one_is_named(home: House) -> None:
    parts = diagnosed(home.folder, DOORBELL_PROMETHEUS_URL=NOBODY)[1]
    assert parts["alerts"]["state"] == "failed"


def test_a_disk_that_fills_is_told_before_it_is_full(home: House) -> None:
    now = datetime.now(UTC).timestamp()
    free = free_bytes([home.folder])
    past = [
        Sample(now - 600 * step, {mount: left * (10 + step) // 10 for mount, left in free.items()}) for step in range(9)
    ]
    told = [[each.at, dict(each.free)] for each in reversed(past)]
    history_file(home.folder).write_text(json.dumps(told))
    parts = diagnosed(home.folder)[1]
    assert (parts["disks"]["state"], "full in 1." in parts["disks"]["evidence"]) == ("failed", True)


def test_snapshots_are_judged_by_the_repository(home: House, kept: Vault, tmp_path: Path) -> None:
    place = tmp_path / "vault"
    settings = {
        "DOORBELL_BACKUP_URL": str(place / "repository"),
        "DOORBELL_BACKUP_KEYRING_URL": str(place / "apart"),
        "DOORBELL_BACKUP_PASSPHRASE_FILE": str(place / "passphrase"),
    }
    assert diagnosed(home.folder, **settings)[1]["snapshots"]["evidence"] == "there is no snapshot"
    now = datetime.now(UTC)
    taken = snapshot(home.state, kept.repository, kept.apart, lambda: now)
    kept.repository.verified(taken.manifest.id, now)
    told = diagnosed(home.folder, **settings)[1]["snapshots"]
    assert (told["state"], told["evidence"].startswith("1 snapshots, the newest")) == ("ok", True)


def test_a_running_cluster_is_well_and_its_bundle_holds_no_secret(household: RunningCluster, tmp_path: Path) -> None:
    places = ("--url", household.url, "--dashboard", f"http://127.0.0.1:{household.ports.dashboard}")
    file = tmp_path / "bundle.tar.gz"
    secret = "wJalrXUtnFEMI-K7MDENG"
    variables = {"AWS_SECRET_ACCESS_KEY": secret, "DOORBELL_NOTICES_FILE": str(household.data / "notices.yaml")}
    history_file(household.data).unlink(missing_ok=True)  # by what tests wrote in half an hour, a disk fills
    status, parts = diagnosed(household.data, *places, "--bundle", str(file), **variables)
    # No snapshots are taken, and tests before this one have ended nodes and couriers and left boxes behind.
    others = dict.fromkeys(("snapshots", "nodes", "boxes", "queue"), "ok")
    assert states(parts) | others == dict.fromkeys(parts, "ok")
    assert parts["queue"]["state"] in ("ok", "warning")
    assert status == max(("ok", "warning", "failed").index(state) for state in states(parts).values())
    with tarfile.open(file) as archive:
        texts = {each.name: archive.extractfile(each).read().decode() for each in archive.getmembers()}
    named = {person["name"] for person in _people(household)}
    token = (household.data / "ray_token").read_text()
    hidden = {secret, household.key, token, household.receiver.url, *named}
    hidden |= {(household.data / "master.key").read_bytes().hex()}
    assert named
    assert [(name, each) for name, text in texts.items() for each in hidden if each in text or each in name] == []
    assert any("logs/replica_gateway" in name for name in texts)
    assert "doorbell-support/serve-config.json" in texts


def test_a_name_is_taken_out_of_logs_however_it_is_written(home: House, tmp_path: Path) -> None:
    home.enrol("Zoë Ann")
    log = temp_path(home.folder) / "r" / "session_latest" / "logs" / "serve" / "replica.log"
    log.parent.mkdir(parents=True)
    try:
        log.write_text(f"{json.dumps('Zoë Ann')} Zoë Ann ?subject={quote('Zoë Ann')}&x={quote_plus('Zoë Ann')} came\n")
        diagnosed(home.folder, "--bundle", str(tmp_path / "bundle.tar.gz"))
    finally:
        shutil.rmtree(temp_path(home.folder))
    with tarfile.open(tmp_path / "bundle.tar.gz") as archive:
        told = archive.extractfile("doorbell-support/logs/replica.log").read().decode()
    assert told == '"[removed]" [removed] ?subject=[removed]&x=[removed] came\n'


def test_a_bundle_without_the_database_leaves_out_what_may_name_people(tmp_path: Path) -> None:
    file = tmp_path / "bundle.tar.gz"
    diagnosed(tmp_path / "none", "--bundle", str(file))
    with tarfile.open(file) as archive:
        names = archive.getnames()
    assert "doorbell-support/report.json" in names
    assert not any("/logs/" in name for name in names)


def _people(cluster: RunningCluster) -> list[dict[str, Any]]:
    answer: httpx.Response = cluster.client().get("/api/v1/recognition/people")
    people: list[dict[str, Any]] = answer.json()["people"]
    return people


@pytest.mark.parametrize("arguments", [("--help",), ("diagnose", "--help")])
def test_the_command_is_listed_and_explained(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cluster.cli.main", *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "diagnose" in done.stdout
