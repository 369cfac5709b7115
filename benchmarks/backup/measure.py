"""Snapshots of made-up data by the commands that people use, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.backup import restic
from benchmarks.backup.made_data import add_events, make, person_ids
from benchmarks.backup.running import Ran, ran
from benchmarks.machine import machine

Say = Callable[[str], None]
NEW_EVENTS = 1_000
DOORBELL = (sys.executable, "-m", "cluster.cli.main")


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    people: int = 10_000
    events: int = 1_000_000


@dataclass
class Place:
    """A folder with the data, its snapshots, the keyring's copy and the passphrase; `peaks` of the commands so far."""

    folder: Path
    url: str
    peaks: dict[str, float] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def settings(self) -> dict[str, str]:
        """As variables, without the data folder."""
        return {
            "DOORBELL_BACKUP_URL": self.url or str(self.folder / "snapshots"),
            "DOORBELL_BACKUP_KEYRING_URL": str(self.folder / "keyring"),
            "DOORBELL_BACKUP_PASSPHRASE_FILE": str(self.folder / "passphrase"),
        }

    def environment(self, data: Path | None = None) -> dict[str, str]:
        """Of a command on this data, or on other data with the same snapshots; no other settings of ours reach it."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("DOORBELL_")}
        return others | self.settings() | {"DOORBELL_DATA": str(data or self.data)}

    def doorbell(self, *arguments: str, data: Path | None = None) -> tuple[Ran, dict[str, Any]]:
        """`doorbell backup … --json`, and what it printed. Raises MeasurementFailed."""
        done = ran([*DOORBELL, "backup", *arguments, "--json"], self.environment(data))
        self.peaks[arguments[0]] = max(done.peak_mb, self.peaks.get(arguments[0], 0.0))
        return done, json.loads(done.output)

    def add_events(self) -> None:
        """A thousand more."""
        database = self.data / "doorbell.db"
        add_events(database, person_ids(database), NEW_EVENTS)


def measure(place: Place, size: Size, say: Say) -> dict[str, Any]:
    """All but what needs a cluster under load. Raises MeasurementFailed."""
    make(place.data, size.people, size.events, say)
    ran([*DOORBELL, "release", "pack", "yunet-dlib-1", "--recipe", "yunet-dlib"], place.environment())
    say("first snapshot …")
    place.doorbell("init")
    first = _snapshot(place)
    place.add_events()
    say("second snapshot …")
    second = _snapshot(place)
    second["share_of_first"] = round(second["bytes_uploaded"] / first["bytes_uploaded"], 5)
    say("reading all of it back …")
    read, verified = place.doorbell("verify")
    say("restoring …")
    elsewhere = place.folder / "restored"
    put_back, restored = place.doorbell("restore", data=elsewhere)
    shutil.rmtree(elsewhere)
    say("drill …")
    _, drill = place.doorbell("drill")
    return {
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": _data(place, size),
        "first": first,
        "incremental": second,
        "verify_mb_per_second": round(verified["bytes"] / 1e6 / read.seconds, 1),
        "verify_seconds": read.seconds,
        "restore_seconds": restored["seconds"],
        "restore_process_seconds": put_back.seconds,
        "rto_seconds": drill["rto_seconds"],
        "drill": {name: drill[name] for name in ("restore_seconds", "start_seconds", "rows_compared", "differences")},
        "peak_mb": max(place.peaks[name] for name in ("snapshot", "verify", "restore")),
        "peaks_mb": place.peaks,
        "restic": restic.beside(place.folder / "restic", place.data, place.add_events, say),
    }


def _snapshot(place: Place) -> dict[str, Any]:
    done, told = place.doorbell("snapshot")
    return {
        "seconds": told["seconds"],
        "process_seconds": done.seconds,
        "bytes": told["bytes"],
        "bytes_uploaded": told["bytes_uploaded"],
        "mb_per_second": round(told["bytes"] / 1e6 / told["seconds"], 1),
        "machine_share": done.share(os.cpu_count() or 1),
        "cpu_seconds": done.cpu_seconds,
        "peak_mb": done.peak_mb,
    }


def _data(place: Place, size: Size) -> dict[str, Any]:
    database, crops = (place.data / "doorbell.db").stat().st_size, restic.size_of(place.data / "crops")
    return {"people": size.people, "events": size.events, "database_bytes": database, "crops_bytes": crops}
