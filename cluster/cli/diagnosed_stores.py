"""What `doorbell diagnose` asks of database, keyring, buckets and snapshots. Nothing is written or made."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from cluster.health import stored
from cluster.health.finding import Finding, ok, warning
from serve_apps.database import MIGRATIONS, DatabaseError, connect, reading
from serve_apps.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from cluster.deployment.history import History

LOOKED_AT = 50
"""The people who were enrolled last; a keyring is lost as a whole."""

PATIENCE_SECONDS = 2.0


class Stores:
    """The databases that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def database(self) -> Engine:
        """Raises DatabaseError."""
        return _there(self._settings.database_url)

    @property
    def history(self) -> History:
        """Of rollouts."""
        from cluster.deployment.history import History

        return History(self.database)

    def answers(self) -> Finding:
        """Raises SQLAlchemyError, DatabaseError."""
        began = time.monotonic()
        with reading(self.database) as connection:
            revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        newest = max(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
        place = self.database.url.render_as_string(hide_password=True)
        return stored.database(place, revision, newest, 1000 * (time.monotonic() - began))

    def keys(self) -> Finding:
        """Raises SQLAlchemyError, DatabaseError, KeyringError."""
        import sqlalchemy as sa

        from cluster.security.keyring import Keyring, master_key
        from serve_apps.tables import people

        assert self._settings.master_key_file is not None
        keyring = Keyring(_there(self._settings.keyring_url), master_key(self._settings.master_key_file))
        newest = sa.select(people.c.id).order_by(people.c.created_at.desc()).limit(LOOKED_AT)
        with reading(self.database) as connection:
            looked_at = set(connection.scalars(newest))
        return stored.keyring(len(looked_at), len(keyring.unopened(looked_at)))

    def queue(self) -> Finding:
        """Raises SQLAlchemyError, DatabaseError, ValueError."""
        import sqlalchemy as sa

        from serve_apps.load.store import LoadStore
        from serve_apps.notifications.outbox import NoticeState
        from serve_apps.tables import notices

        now, table = datetime.now(UTC), notices.c
        due = sa.and_(table.state == NoticeState.PENDING, table.due_at <= now)
        today = sa.select(sa.func.count()).select_from(notices).where(table.due_at > now - timedelta(days=1))
        with reading(self.database) as connection:
            count, oldest = connection.execute(sa.select(sa.func.count(), sa.func.min(table.due_at)).where(due)).one()
            lost, uncertain = (
                connection.scalar(today.where(table.state == state)) or 0
                for state in (NoticeState.FAILED, NoticeState.UNCERTAIN)
            )
        rows = LoadStore(self.database).rows(1, now.timestamp() - 600, now.timestamp() + 1)
        frames = [sum(sum(getattr(row, kind)) for row in rows) for kind in ("admitted", "refused")]
        waited = (now - oldest).total_seconds() if oldest is not None else 0.0
        return stored.queue(count, waited, lost, uncertain, *frames)

    def clock(self) -> float | None:
        """How many seconds a database server is ahead of this machine. Raises SQLAlchemyError, DatabaseError."""
        if self.database.dialect.name != "postgresql":
            return None
        with reading(self.database) as connection:
            began = time.time()
            said = connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one()
            return float(said) - (began + time.time()) / 2

    def names(self) -> set[str]:
        """Of the people who are enrolled. Raises SQLAlchemyError, DatabaseError."""
        import sqlalchemy as sa

        from serve_apps.tables import people

        with reading(self.database) as connection:
            return set(connection.scalars(sa.select(people.c.name)))


def buckets(settings: Settings) -> Mapping[str, str]:
    """What is kept in S3, by what it is called."""
    places = {
        "crops": settings.crops_url,
        "releases": settings.releases_url,
        "recent frames": settings.recent_frames_url,
        "snapshots": settings.backup_url,
        "the keyring's copy": settings.backup_keyring_url,
        "snapshots, second place": settings.backup_replicate_to,
        "the keyring's copy, second place": settings.backup_keyring_replicate_to,
    }
    return {name: url for name, url in places.items() if url.startswith("s3://")}


def bucket(url: str) -> Finding:
    """Whether a bucket answers, and lets us list. Raises BackupError."""
    import boto3
    from botocore.config import Config

    from backup.targets.s3_errors import translated

    parts = urlsplit(url)
    place = f"s3://{parts.netloc}{parts.path}"
    patience = Config(
        connect_timeout=PATIENCE_SECONDS, read_timeout=PATIENCE_SECONDS, retries={"total_max_attempts": 1}
    )
    began = time.monotonic()
    with translated(place):
        session = boto3.Session(profile_name=parse_qs(parts.query).get("profile", [None])[-1])
        session.client("s3", config=patience).list_objects_v2(
            Bucket=parts.netloc, Prefix=parts.path.strip("/"), MaxKeys=1
        )
    return ok(f"{place} answered in {1000 * (time.monotonic() - began):.0f} ms")


def snapshots(settings: Settings) -> Finding:
    """Raises BackupError, SettingsError."""
    if not settings.backup_url:
        return warning("no snapshots are taken: DOORBELL_BACKUP_URL is not set", "docs/backup.md, 'Turn it on'")
    from backup.encoding import time_of
    from cluster.cli import backed_up

    opened = backed_up.repository(settings)
    ids = opened.ids()
    notes = {note.name.removeprefix("verified/"): note.modified for note in opened.target.list("verified/")}
    verified = max((each for each in notes if each in set(ids)), key=lambda each: notes[each], default=None)
    newest = time_of(ids[-1]) if ids else None
    at = opened.verified_at(verified) if verified else None
    return stored.snapshots(newest, at, len(ids), datetime.now(UTC))


def _there(url: str) -> Engine:
    """Connecting to a file of SQLite's that is not there would make it. Raises DatabaseError."""
    from pathlib import Path

    engine = connect(url)
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
        raise DatabaseError(
            f"{engine.url.database} is not there: nothing was started with this data folder, or it is lost"
        )
    return engine
