from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from serve_apps.database import connect, migrate
from serve_apps.recognition.engine import YunetDlib

# Hypothesis's 200 ms for an example would be a timed assertion.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


FREE_PORTS = 1_380
"""As many as each of two workers has from 30,000 to 32,767; preflight's end before them, the kernel's begin behind."""
STARTS_CLUSTERS = frozenset({"test_up.py", "test_backup_in_cluster.py", "test_head_lost.py"})


def missing(reason: str) -> None:
    """Skip where a system package is absent; under CI its absence is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_ports(count: int) -> list[int]:
    """On loopback; below those that the kernel hands out, above Ray's and a cluster's, none of the other worker's."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 30_000 + FREE_PORTS * (worker % 2)
    ports: list[int] = []
    with ExitStack() as stack:
        while len(ports) < count:
            port = first + secrets.randbelow(FREE_PORTS)
            with suppress(OSError):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
                ports.append(port)
    return ports


def eventually(condition: Callable[[], Any], seconds: float = 90.0) -> Any:
    """What the condition gives as soon as that is true, or the last of it; the seconds are for two busy cores."""
    ends = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < ends:
        time.sleep(0.1)
    return found


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(lane(item)))


def lane(item: pytest.Item) -> str:
    """Tests of one lane follow each other: those of a file, and all that start or use a cluster.

    Two cores can bear one of these at a time, and beside it the observed house, which waits for alerts.
    """
    if "observed_house" in item.path.parts:
        return "house"
    asks = "cluster" in getattr(item, "fixturenames", ()) and "unit" not in item.path.parts
    return "clusters" if asks or item.path.name in STARTS_CLUSTERS else str(item.path)


@pytest.fixture(autouse=True)
def unit_tests_start_no_ray(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    ray = sys.modules.get("ray")
    if "unit" in request.path.parts and ray is not None and ray.is_initialized():
        pytest.fail("a unit test started Ray")


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="session")
def engine(weights_folder: Path) -> YunetDlib:
    return YunetDlib(weights_folder)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and no rows, to be copied: that takes a tenth of making them."""
    file = tmp_path_factory.mktemp("migrated") / "doorbell.db"
    engine = connect(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a private PostgreSQL server without a database's name: postgresql://…:port/"""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        missing("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    binaries = programs[-1].parent
    with tempfile.TemporaryDirectory(prefix="doorbell-postgres-") as folder:
        yield from running_postgres(binaries, Path(folder))


def running_postgres(binaries: Path, folder: Path) -> Iterator[str]:
    prefix = []
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        prefix = [shutil.which("runuser") or "/usr/sbin/runuser", "-u", "postgres", "--"]
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data, (port,) = folder / "data", free_ports(1)
    made = [*prefix, binaries / "initdb", "-D", data, "-U", "doorbell", "-A", "trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(made, check=True, capture_output=True, cwd="/")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    options += " -c autovacuum=off"  # its workers keep databases from being copied
    control = [*prefix, binaries / "pg_ctl", "-D", data, "-w", "-s"]
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], check=True, cwd="/", timeout=60)
    try:
        yield f"postgresql://doorbell@127.0.0.1:{port}/"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd="/")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which boto3 finds a private SeaweedFS with the bucket `crops`."""
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if weed is None:
        missing("the weed program is not installed: make install-dev")
    folder = tmp_path_factory.mktemp("s3")
    named = ("s3.port", "master.port", "volume.port", "filer.port", "admin.port")
    ports = iter(free_ports(2 * len(named)))
    given = {f"-{name}{grpc}": next(ports) for name in named for grpc in ("", ".grpc")}
    environment = {
        "AWS_ACCESS_KEY_ID": "crops-test",
        "AWS_SECRET_ACCESS_KEY": "crops-test-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{given['-s3.port']}",
    }
    quiet = ("-master.telemetry=false", "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0")
    where = ("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-bucket=crops")
    command = [weed, "mini", *where, *quiet, *(f"{name}={port}" for name, port in given.items())]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=log, stderr=log)
        try:
            wait_for_bucket(environment, server)
            yield environment
        finally:
            server.kill()
            server.wait()


def wait_for_bucket(environment: dict[str, str], server: subprocess.Popen[bytes]) -> None:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
    for _ in range(150):
        assert server.poll() is None, "SeaweedFS ended"
        try:
            client.head_bucket(Bucket="crops")
            client.put_object(Bucket="crops", Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError("SeaweedFS did not start")
