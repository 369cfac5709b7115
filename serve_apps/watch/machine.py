"""The machine that the watch runs on, which has the data folder: disks, certificates, clock."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from cryptography import x509
from sqlalchemy import Engine

from cluster.monitoring.metrics import CERTIFICATE, CLOCK_SKEW, DISK_FREE, DISK_USAGE
from serve_apps.database import reading
from serve_apps.watch.parts import Gauges

MOST_CERTIFICATES = 20


def mounts(data: Path) -> dict[str, Path]:
    """The places that are watched, by their labels."""
    return {str(place): place for place in (data, Path("/"), Path(tempfile.gettempdir()))}


def disks(places: Mapping[str, Path], gauges: Gauges) -> None:
    """How full they are, for whoever is not root. Raises OSError."""
    for label, place in places.items():
        found = shutil.disk_usage(place)
        gauges.set(DISK_FREE, found.free, label)
        gauges.set(DISK_USAGE, 100 * found.used / max(1, found.used + found.free), label)


def certificates(files: Sequence[Path], gauges: Gauges) -> None:
    """When the first certificate of each file ends; the epoch for a file that cannot be read, so that somebody asks."""
    for file in files[:MOST_CERTIFICATES]:
        gauges.set(CERTIFICATE, first_end(file), str(file))


def first_end(file: Path) -> float:
    """Epoch seconds of the first end among the certificates of a PEM file; 0 for what is none."""
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return 0.0
    return min((each.not_valid_after_utc.timestamp() for each in found), default=0.0)


def clock(engine: Engine, gauges: Gauges) -> None:
    """This node's clock minus PostgreSQL's, at the middle of the question; SQLite has none of its own.

    Raises SQLAlchemyError.
    """
    if engine.dialect.name != "postgresql":
        return
    with reading(engine) as connection:
        began = time.time()
        said = connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())"))
        ours = (began + time.time()) / 2
    gauges.set(CLOCK_SKEW, ours - float(said or 0), "database")
