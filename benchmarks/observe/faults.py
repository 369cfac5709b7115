"""What goes wrong in an observed house, really, and is put right again; and how long until somebody is told."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import psutil

from benchmarks.observe.house import DISK_BYTES, House
from cluster.security.device_codes import DeviceCodes
from serve_apps.database import connect

FULL = 0.97
HOURLY = 3600.0
OFTEN = 1.0
DOWN_SECONDS, UP_SECONDS = 13.0, 14.0
"""The watch looks every ten seconds: a loss and a life must each be longer to be seen."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Lasts while its block does. `seconds` is the most that may pass until `alert` with these labels is received."""

    alert: str
    injected: Callable[[House], AbstractContextManager[None]]
    seconds: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """When somebody was told of a fault: seconds from its beginning, and from its end that it is over.

    None where nobody was within the time, or where nobody waited.
    """

    name: str
    seconds_to_receive: float | None
    seconds_to_resolve: float | None = None


@contextmanager
def no_courier(house: House) -> Iterator[None]:
    """Every courier ends as soon as it is there."""
    with _again_and_again(lambda: _kill(house, "ServeReplica:courier"), 0.3):
        yield


@contextmanager
def forecaster_ends_again_and_again(house: House) -> Iterator[None]:
    """It lives for a while each time."""
    began = time.monotonic()

    def kill_in_turn() -> None:
        if (time.monotonic() - began) % (DOWN_SECONDS + UP_SECONDS) < DOWN_SECONDS:
            _kill(house, "ServeReplica:forecaster")

    with _again_and_again(kill_in_turn, 0.3):
        yield


@contextmanager
def no_event_can_be_written(house: House) -> Iterator[None]:
    """The table is away; everything else of the database is there."""
    file = house.data / "doorbell.db"
    _execute(file.as_posix(), "ALTER TABLE events RENAME TO events_away")
    try:
        yield
    finally:
        _execute(file.as_posix(), "ALTER TABLE events_away RENAME TO events")


@contextmanager
def full_disk(house: House) -> Iterator[None]:
    """A file takes what the small disk has left, but for a few megabytes."""
    filler = house.data / "filler"
    missing = int(FULL * DISK_BYTES) - psutil.disk_usage(str(house.data)).used
    with filler.open("wb") as file:
        for _ in range(missing // 2**20):
            file.write(bytes(2**20))
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def silent_box(house: House) -> Iterator[None]:
    """A box means to be heard every second, and is heard once."""
    key = enrolled_box(house, "back door")
    beat(house, key, OFTEN)
    try:
        yield
    finally:
        beat(house, key, HOURLY)


@contextmanager
def wrong_key(house: House) -> Iterator[None]:
    """Somebody posts with a key that is none of ours, once."""
    headers = {"X-API-Key": f"db_{'0' * 40}", "X-Camera-Id": "nobody"}
    httpx.post(f"{house.url}/api/v1/frames", headers=headers, content=b"no picture", timeout=30)
    yield


FAULTS = (
    Fault("SecurityEvent", wrong_key, 120, {"event_type": "key_unknown"}),
    Fault("PipelineWorkerDown", no_courier, 240, {"worker_type": "courier"}),
    Fault("HighErrorRate", no_event_can_be_written, 300),
    Fault("DiskAlmostFull", full_disk, 300),
    Fault("EdgeSilent", silent_box, 300, {"device": "back door"}),
    Fault("ReplicaCrashLoop", forecaster_ends_again_and_again, 400, {"worker_type": "forecaster"}),
)
RESOLVED_SECONDS = 300.0


def told(house: House, faults: Sequence[Fault] = FAULTS, *, until_resolved: Sequence[str] = ()) -> list[Told]:
    """All faults at once, each until it was received; those in `until_resolved` until they are known to be over."""
    possible = [fault for fault in faults if fault.injected is not full_disk or house.small_disk]
    found: dict[str, Told] = {}

    def one(fault: Fault) -> None:
        found[fault.alert] = _told(house, fault, resolved=fault.alert in until_resolved)

    threads = [threading.Thread(target=one, args=(fault,), name=fault.alert) for fault in possible]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found.get(fault.alert, Told(fault.alert, None)) for fault in possible]


def _told(house: House, fault: Fault, *, resolved: bool) -> Told:
    inbox, began = house.outside.inbox, time.monotonic()
    wanted = {"alertname": fault.alert, **fault.labels}
    with ExitStack() as stack:
        stack.enter_context(fault.injected(house))
        heard = inbox.first(wanted, fault.seconds, since=began)
    ended = time.monotonic()
    if heard is None:
        return Told(fault.alert, None)
    over = inbox.first(wanted, RESOLVED_SECONDS, since=heard.at, firing=False) if resolved else None
    return Told(fault.alert, round(heard.at - began, 1), round(over.at - ended, 1) if over else None)


def enrolled_box(house: House, name: str) -> str:
    """The key of a new box. Raises HTTPError, DatabaseError."""
    now = datetime.now(UTC)
    engine = connect(f"sqlite:///{house.data / 'doorbell.db'}")
    code = DeviceCodes(engine).issue(name, now, now + timedelta(hours=1))
    engine.dispose()
    answer = httpx.post(f"{house.url}/api/v1/devices", json={"code": code}, timeout=30).raise_for_status()
    return str(answer.json()["key"])


def beat(house: House, key: str, every_seconds: float) -> None:
    """What a box says of itself. Raises HTTPError."""
    said = {
        "clock": datetime.now(UTC).isoformat(),
        "every_seconds": every_seconds,
        "version": "1.0",
        "cameras": [{"id": "door-0", "state": "well"}],
        "spool": {"frames": 3, "bytes": 90_000, "oldest_seconds": 2.0},
        "uptime_seconds": 60,
        "temperature_celsius": 50.0,
    }
    address = f"{house.url}/api/v1/devices/heartbeat"
    httpx.post(address, json=said, headers={"X-API-Key": key}, timeout=30).raise_for_status()


def _kill(house: House, name: str) -> None:
    for process in house.processes(name):
        with contextlib.suppress(psutil.Error):
            process.kill()


def _execute(file: str, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(file, timeout=30)) as connection:
        connection.execute(statement)


@contextmanager
def _again_and_again(act: Callable[[], None], every: float) -> Iterator[None]:
    ended = threading.Event()

    def loop() -> None:
        while not ended.wait(every):
            act()

    thread = threading.Thread(target=loop, name="fault")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
