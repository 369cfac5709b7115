"""The commands of docs/runbooks, run exactly as they are written there, against the disaster that each is for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from backup.snapshot import Taken, snapshot
from cluster.cli import backed_up
from cluster.deployment.colours import Deployed, State
from cluster.deployment.kept import keep, state_file
from cluster.deployment.serve_config import state_of
from cluster.security.api_keys import KeyStore, Scope
from serve_apps.database import migrate, reading
from serve_apps.settings import load
from tests.doorbell_zygote import SHIM
from tests.integration.backed_up import House, begun, house

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
NAMES = ("Ada", "Bob", "Cy")
RAN = State("green", {"blue": Deployed("yunet-dlib-1"), "green": Deployed("sface-1")}, {"green": 100})


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a `doorbell` that starts at once."""
    folder = tmp_path_factory.mktemp("programs")
    command = [sys.executable, str(ROOT / "tests" / "doorbell_zygote.py"), str(folder / "socket")]
    zygote = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}
    )
    assert zygote.stdout is not None
    assert zygote.stdout.readline() == "ready\n"
    (folder / "doorbell").write_text(SHIM.format(python=sys.executable, socket=str(folder / "socket")))
    (folder / "doorbell").chmod(0o755)
    yield folder
    zygote.kill()
    zygote.wait()


@dataclass
class Operator:
    """Somebody with a shell in a folder, whose variables are those of the cluster."""

    folder: Path
    programs: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def __post_init__(self) -> None:
        places = {"DATA": "data", "BACKUP_URL": "snapshots", "BACKUP_KEYRING_URL": "keyring-copy"}
        places |= {"BACKUP_PASSPHRASE_FILE": "passphrase"}
        self.variables |= {f"DOORBELL_{name}": str(self.folder / place) for name, place in places.items()}

    def run(self, commands: str) -> str:
        """What they print. Any that fails ends the test."""
        environment = os.environ | self.variables | {"PATH": f"{self.programs}:{os.environ['PATH']}", "COLUMNS": "120"}
        shell = ["bash", "-euo", "pipefail", "-c", commands]
        done = subprocess.run(shell, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def follow(self, runbook: str, only: slice = slice(None)) -> str:
        """The indented lines of a runbook, block by block."""
        return self.run("\n".join(blocks(RUNBOOKS / f"{runbook}.md")[only]))

    def snapshot(self, at: datetime | None = None) -> Taken:
        with pytest.MonkeyPatch.context() as patched:
            for name, value in self.variables.items():
                patched.setenv(name, value)
            settings = load()
            state, apart = backed_up.state(settings), backed_up.keyring_place(settings)
            moment = at or datetime.now(UTC)
            taken = snapshot(state, backed_up.repository(settings), apart, lambda: moment)
        state.database.dispose()
        state.keyring.dispose()
        return taken

    def people(self) -> list[str]:
        with house(self.data) as made:
            return [person.name for person in made.gallery.people() if made.gallery.faces(person.name)]

    def events(self) -> int:
        return int(self.asked("SELECT count(*) FROM events"))

    def revision(self) -> str:
        return self.asked("SELECT version_num FROM alembic_version")

    def asked(self, query: str) -> str:
        with house(self.data) as made, reading(made.database) as connection:
            return str(connection.exec_driver_sql(query).scalar())


def blocks(runbook: Path) -> list[str]:
    """The indented blocks of a page, without their indentation."""
    found = re.findall(r"(?:^ {4}.*\n)+", runbook.read_text(), re.MULTILINE)
    return [re.sub("^ {4}", "", block, flags=re.MULTILINE) for block in found]


def furnished(made: House) -> None:
    people = [made.enrol(name, number, str(number)) for number, name in enumerate(NAMES)]
    for number in range(5):
        made.post(f"frame-{number}", people[number % 2].id)
    KeyStore(made.database).create("front", frozenset({Scope.FRAMES}), datetime.now(UTC))


@pytest.fixture(scope="module")
def backed_up_house(tmp_path_factory: pytest.TempPathFactory, programs: Path) -> Path:
    """A cluster's data with three people and five events, and a snapshot of it."""
    made_once = Operator(tmp_path_factory.mktemp("house"), programs)
    with house(made_once.data) as made:
        furnished(begun(made))
    made_once.run("doorbell backup init && doorbell backup snapshot")
    return made_once.folder


@pytest.fixture
def operator(tmp_path: Path, programs: Path, backed_up_house: Path) -> Operator:
    """That, to be destroyed."""
    shutil.copytree(backed_up_house, tmp_path, dirs_exist_ok=True)
    return Operator(tmp_path, programs)


def test_the_databases_file_is_lost(operator: Operator) -> None:
    for file in operator.data.glob("doorbell.db*"):
        file.unlink()
    said = operator.follow("database-lost")
    assert "the audit trail is whole" in said
    assert operator.people() == list(NAMES)
    assert operator.events() == 5


def test_a_table_was_dropped_an_hour_ago(operator: Operator) -> None:
    shutil.rmtree(operator.folder / "snapshots")
    operator.run("doorbell backup init")
    operator.snapshot(datetime.now(UTC) - timedelta(hours=2))
    with house(operator.data) as made, made.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM event_people")
        connection.exec_driver_sql("DROP TABLE notices")
        connection.exec_driver_sql("DELETE FROM events")
    whole, one = blocks(RUNBOOKS / "table-dropped.md")
    operator.run(whole)
    assert operator.events() == 5
    assert operator.people() == list(NAMES)
    with house(operator.data) as made:
        made.gallery.remove_faces(made.gallery.faces("Ada"))
    operator.run(one)
    assert operator.people() == list(NAMES)


def test_every_node_is_lost(operator: Operator) -> None:
    shutil.rmtree(operator.data)
    said = operator.follow("all-nodes-lost")
    assert "front" in said, "API keys are back"
    assert operator.people() == list(NAMES)
    assert (operator.data / "master.key").stat().st_mode & 0o077 == 0


def test_the_bucket_does_not_answer(operator: Operator) -> None:
    away, place = operator.folder / "away", operator.folder / "snapshots"
    place.rename(away)
    place.write_text("a disk that is not mounted")
    during, after = blocks(RUNBOOKS / "bucket-unreachable.md")[:2], blocks(RUNBOOKS / "bucket-unreachable.md")[2:]
    operator.run("".join(during))
    assert (operator.folder / "data-snapshots" / "repository").exists()
    place.unlink()
    away.rename(place)
    assert "0 damaged" in operator.run("".join(after))


def test_the_region_is_lost(operator: Operator) -> None:
    second = {"REPLICATE_TO": "second", "KEYRING_REPLICATE_TO": "second-keyring"}
    operator.variables |= {f"DOORBELL_BACKUP_{name}": str(operator.folder / place) for name, place in second.items()}
    operator.run("doorbell backup replicate")
    for lost in ("snapshots", "keyring-copy", "data"):
        shutil.rmtree(operator.folder / lost)
    operator.follow("region-lost")
    assert operator.people() == list(NAMES)


def test_somebody_deleted_the_snapshots(tmp_path: Path, programs: Path, s3: dict[str, str]) -> None:
    import boto3

    with pytest.MonkeyPatch.context() as patched:
        for name, value in s3.items():
            patched.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="attacked", ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
        lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
        client.put_object_lock_configuration(Bucket="attacked", ObjectLockConfiguration=lock)
        operator = Operator(tmp_path, programs, dict(s3))
        operator.variables["DOORBELL_BACKUP_URL"] = "s3://attacked/snapshots"
        with house(operator.data) as made:
            furnished(begun(made))
        operator.run("doorbell backup init && doorbell backup snapshot && sleep 1.5")
        operator.variables["BEFORE"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        time.sleep(1.1)  # S3 tells times by the second
        for found in client.list_objects_v2(Bucket="attacked")["Contents"]:
            client.put_object(Bucket="attacked", Key=found["Key"], Body=b"pay")
            client.delete_object(Bucket="attacked", Key=found["Key"])
    shutil.rmtree(operator.data)
    assert "0 damaged" in operator.follow("ransomware")
    assert operator.people() == list(NAMES)


def test_a_lost_head_finds_its_releases_in_the_snapshot(operator: Operator) -> None:
    keep(state_file(operator.data), RAN)
    operator.run("doorbell backup snapshot")
    shutil.rmtree(operator.data)
    operator.run(blocks(RUNBOOKS / "head-lost.md")[1])
    assert state_of(yaml.safe_load((operator.folder / "serve.yaml").read_text())) == RAN.at_rest()


def test_the_key_is_lost(operator: Operator) -> None:
    added, opened, begun_again = blocks(RUNBOOKS / "key-lost.md")
    operator.run(added)
    (operator.folder / "passphrase").unlink()
    assert "0 damaged" in operator.run(opened)
    (operator.folder / "second-passphrase").unlink()
    operator.run("! doorbell backup list 2> said; grep -q 'no key slot' said")
    operator.run(begun_again)
    assert (operator.folder / "snapshots-new" / "repository").exists()


def test_a_snapshot_of_an_older_version_is_brought_to_the_present_one(tmp_path: Path, programs: Path) -> None:
    operator = Operator(tmp_path, programs)
    with house(operator.data) as made:
        migrate(made.database, "0007")
    assert operator.revision() == "0007"
    (operator.data / "master.key").touch(0o600)
    (operator.data / "master.key").write_bytes(bytes(32))
    operator.run("doorbell backup init")
    operator.snapshot()
    operator.follow("older-schema")
    assert operator.revision() >= "0009"


def test_every_runbook_of_the_list_is_there_and_every_one_is_listed() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (RUNBOOKS / "README.md").read_text()))
    assert listed == {file.name for file in RUNBOOKS.glob("*.md")} - {"README.md"}
