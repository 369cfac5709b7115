"""One observed house for the tests of this folder: everything that is exported moves in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from benchmarks.doors import Doors, posting
from benchmarks.observe.faults import HOURLY, beat, enrolled_box
from benchmarks.observe.house import House, observed_house
from benchmarks.run import frames
from cluster.sample_run import enrol_samples
from tests.conftest import missing


@contextmanager
def lived_in(folder: Path) -> Iterator[tuple[House, Doors]]:
    """With people, a box that says how it is, snapshots, a certificate and a log of notices; two doors post."""
    for program in ("prometheus", "prometheus-alertmanager"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed; on Debian: apt-get install prometheus prometheus-alertmanager")
    with observed_house(folder, variables(folder)) as house:
        enrol_samples(house.url, house.key)
        beat(house, enrolled_box(house, "front door"), HOURLY)
        with posting((house.url, house.key), frames(), doors=2, every=0.5) as doors:
            yield house, doors


def variables(folder: Path) -> dict[str, str]:
    """Settings of the house; the repository of snapshots is made."""
    passphrase, certificate = folder / "passphrase", folder / "door.pem"
    passphrase.write_text("three words apart\n")
    passphrase.chmod(0o600)
    trustme.CA().issue_cert("door.example").cert_chain_pems[0].write_to_path(certificate)
    given = {
        "DOORBELL_CERTIFICATES": str(certificate),
        "DOORBELL_BACKUP_URL": str(folder / "snapshots"),
        "DOORBELL_BACKUP_KEYRING_URL": str(folder / "keyring-copy"),
        "DOORBELL_BACKUP_PASSPHRASE_FILE": str(passphrase),
        "DOORBELL_BACKUP_DRILL_HOURS": "0",
    }
    made = [sys.executable, "-m", "cluster.cli.main", "backup", "init"]
    subprocess.run(made, env={**os.environ, **given, "DOORBELL_DATA": str(folder / "unused")}, check=True, timeout=60)
    return given
