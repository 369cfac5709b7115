"""Where `doorbell diagnose` looks, as the settings say: the wiring of `cluster/health/`.

Each look imports what it needs, so that a report begins at once, and asks with little patience.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from cluster.cli.diagnosed_stores import Stores, bucket, buckets, snapshots
from cluster.deployment.control import Serve
from cluster.deployment.kept import kept, state_file
from cluster.deployment.token import token_of
from cluster.health import running, surroundings
from cluster.health.examine import SECONDS, Check
from cluster.health.finding import Finding, State
from cluster.health.surroundings import Disk
from serve_apps.settings import Settings

if TYPE_CHECKING:
    from cluster.deployment.control import ApplicationDetails

START = "doorbell up; or see why it ended: doorbell logs"
DATABASE = "docs/runbooks/database-lost.md"
PROMETHEUS = "nobody watches: start Prometheus, or correct DOORBELL_PROMETHEUS_URL"
CLOCK_SECONDS = 1.0
"""For the public address, so that there is time left for the other clocks when it hangs."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the cluster is: its public address, and that of Ray's dashboard."""

    url: str
    dashboard: str


def checks(settings: Settings, places: Places) -> list[Check]:
    """Every part, in the order in which one would look."""
    stores = Stores(settings)
    cluster, around = _Cluster(settings, places, stores), _Around(settings, places, stores)
    failed = State.FAILED
    return [
        Check("nodes", cluster.nodes, failed, START),
        Check("replicas", cluster.replicas, next_step="see nodes"),
        Check("public address", cluster.public_address, failed, START),
        Check("queue", stores.queue, next_step="see database"),
        Check("release", cluster.release, next_step="see database"),
        Check("configuration", cluster.configuration, next_step="see nodes and database"),
        Check("database", stores.answers, failed, DATABASE),
        Check("keyring", stores.keys, failed, "docs/runbooks/key-lost.md"),
        *(
            Check(f"bucket of {name}", partial(bucket, url), failed, "docs/runbooks/bucket-unreachable.md")
            for name, url in buckets(settings).items()
        ),
        Check("snapshots", lambda: snapshots(settings), failed, "docs/runbooks/bucket-unreachable.md"),
        Check("boxes", around.boxes, next_step="see database"),
        Check("certificates", around.certificates, failed, "see whether DOORBELL_CERTIFICATES names PEM files"),
        Check("disks", around.disks, failed, "see whether a file system hangs: mount, dmesg"),
        Check("clocks", around.clocks),
        *([Check("alerts", around.alerts, failed, PROMETHEUS)] if settings.prometheus_url else []),
    ]


class _Cluster:
    """What Ray's dashboard and the application tell."""

    def __init__(self, settings: Settings, places: Places, stores: Stores) -> None:
        self._settings = settings
        self._places = places
        self._stores = stores

    def nodes(self) -> Finding:
        """Raises ServeError."""
        with self._serve() as serve:
            return running.nodes(serve.nodes(), _now())

    def replicas(self) -> Finding:
        """Raises ServeError."""
        with self._serve() as serve:
            found: dict[str, ApplicationDetails] = serve.details()
        return running.replicas(found)

    def public_address(self) -> Finding:
        """Raises httpx.HTTPError."""
        import httpx

        began = time.monotonic()
        answer = httpx.get(f"{self._places.url}/api/ready", timeout=SECONDS, trust_env=False)
        took = 1000 * (time.monotonic() - began)
        try:
            said = str(answer.json().get("detail", ""))
        except (ValueError, AttributeError):
            said = "what answers there is not the application"
        return running.public_address(answer.status_code, said, took)

    def release(self) -> Finding:
        """Raises SQLAlchemyError, DatabaseError, KeptStateDamaged."""
        history, now = self._stores.history, _now()
        newest, driven = next(iter(history.newest(1)), None), history.is_claimed(now)
        return running.release(newest, kept(state_file(self._settings.folder)), now, driven=driven)

    def configuration(self) -> Finding:
        """Raises ServeError, StateError, SQLAlchemyError, DatabaseError, KeptStateDamaged."""
        from cluster.deployment.serve_config import RECOGNIZER
        from cluster.deployment.shipped import shipped

        template = shipped(backed_up=bool(self._settings.backup_url))
        names = {application["name"] for application in template["applications"]}
        with self._serve() as serve:
            config = serve.config()
        state, last = kept(state_file(self._settings.folder)), self._stores.history.last_switch()
        return running.configuration(config, state, last, {each for each in names if not each.startswith(RECOGNIZER)})

    def _serve(self) -> Serve:
        return Serve(self._places.dashboard, token_of(self._settings.folder))


class _Around:
    """Boxes, certificates, disks and clocks."""

    def __init__(self, settings: Settings, places: Places, stores: Stores) -> None:
        self._settings = settings
        self._places = places
        self._stores = stores

    def boxes(self) -> Finding:
        """Raises SQLAlchemyError, DatabaseError."""
        from cluster.security.devices import DeviceStore

        return surroundings.devices(DeviceStore(self._stores.database).all(), _now())

    def certificates(self) -> Finding:
        """Raises OSError, ValueError."""
        files = self._settings.certificate_files
        return surroundings.certificates({str(file): _end_of(file) for file in files}, _now())

    def disks(self) -> Finding:
        """Raises OSError."""
        from cluster.monitoring.disk_history import full_in, history, history_file, mount_of

        past, now = history(history_file(self._settings.folder)), time.time()
        mounts = {mount_of(path) for path in (self._settings.folder, Path("/"), Path(tempfile.gettempdir()))}
        return surroundings.disks([_disk(mount, full_in(past, str(mount), now)) for mount in sorted(mounts)])

    def clocks(self) -> Finding:
        """Of those that answer."""
        return surroundings.clocks(dict(self._offsets()))

    def alerts(self) -> Finding:
        """Raises httpx.HTTPError, ValueError, KeyError."""
        import httpx

        url = f"{self._settings.prometheus_url.rstrip('/')}/api/v1/rules"
        answer = httpx.get(url, params={"type": "alert"}, timeout=SECONDS, trust_env=False).raise_for_status()
        return surroundings.alerts([rule for group in answer.json()["data"]["groups"] for rule in group["rules"]])

    def _offsets(self) -> Iterator[tuple[str, float]]:
        import httpx
        from sqlalchemy.exc import SQLAlchemyError

        from serve_apps.database import DatabaseError

        with suppress(httpx.HTTPError, ValueError, KeyError):
            yield "the public address", _date_of(f"{self._places.url}/api/health")
        with suppress(SQLAlchemyError, DatabaseError):
            if (seconds := self._stores.clock()) is not None:
                yield "the database", seconds
            if (seconds := self._boxes_clock()) is not None:
                yield "the boxes (median)", seconds

    def _boxes_clock(self) -> float | None:
        from cluster.security.devices import DeviceState, DeviceStore

        now = _now()
        heard = [each for each in DeviceStore(self._stores.database).all() if each.state(now) is DeviceState.WELL]
        offsets = [-each.clock_offset_seconds for each in heard if each.clock_offset_seconds is not None]
        return median(offsets) if offsets else None


def _date_of(url: str) -> float:
    """How far the clock of a web server is ahead; its Date is cut to whole seconds, so less than one is none."""
    from email.utils import parsedate_to_datetime

    import httpx

    began = time.time()
    answer = httpx.get(url, timeout=CLOCK_SECONDS, trust_env=False)
    said = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    ended = time.time()
    if said + 1 < began:
        return said + 1 - began
    return max(0.0, said - ended)


def _end_of(file: Path) -> datetime:
    from cryptography import x509

    return min(each.not_valid_after_utc for each in x509.load_pem_x509_certificates(file.read_bytes()))


def _disk(mount: Path, full_in: float | None) -> Disk:
    import psutil

    usage = psutil.disk_usage(str(mount))
    return Disk(str(mount), usage.free, usage.total, full_in)


def _now() -> datetime:
    return datetime.now(UTC)
