"""What a snapshot holds, where it goes and what opens it, as the settings say: the wiring of `backup/`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Engine

from backup.errors import CannotRestore, NewerSchema
from backup.key_command import KeyCommand
from backup.keyring import copy_keys, in_turn, keys_of
from backup.keys import KeyProvider
from backup.passphrase import Passphrase
from backup.places import BlobPlace, Doors, Loaded, State
from backup.repository import Repository
from backup.retention import Policy
from backup.targets.folder import FolderTarget
from backup.targets.place import target_at
from backup.targets.target import Target
from cluster.cli.restored import look_into
from cluster.deployment.kept import state_file
from cluster.preflight import CannotStart, sole_owner
from cluster.security.keyring import make_tables
from serve_apps.database import DatabaseError, alone, connect, migrate, reading
from serve_apps.settings import Settings, SettingsError

PROGRAM = f"doorbell-cluster {version('doorbell-cluster')}"


def repository(settings: Settings) -> Repository:
    """The repository that the settings name. Raises SettingsError, NoRepository, WrongKey, TargetUnavailable."""
    return Repository.open(place(settings), *providers(settings))


def place(settings: Settings) -> Target:
    """Where snapshots go. Raises SettingsError where none is set."""
    if not settings.backup_url:
        raise SettingsError("DOORBELL_BACKUP_URL is not set: give a folder on another disk, or s3://BUCKET/PREFIX")
    _apart(settings, "URL", "DATA", str(settings.folder))
    return target_at(_lasting("URL", settings.backup_url))


def keyring_place(settings: Settings) -> Target:
    """Where the keyring's copy lies: never beside what it opens. Raises SettingsError."""
    if not settings.backup_keyring_url:
        raise SettingsError(
            "DOORBELL_BACKUP_KEYRING_URL is not set: give a place of its own, where no old versions are kept"
        )
    _apart(settings, "KEYRING_URL", "DATA", str(settings.folder))
    for other in ("URL", "REPLICATE_TO"):
        _apart(settings, "KEYRING_URL", f"BACKUP_{other}")
    return target_at(_lasting("KEYRING_URL", settings.backup_keyring_url), latest_only=True)


def second_place(settings: Settings) -> Target | None:
    """Where snapshots are copied to; None where nowhere."""
    if not settings.backup_replicate_to:
        return None
    _apart(settings, "REPLICATE_TO", "BACKUP_URL")
    return target_at(_lasting("REPLICATE_TO", settings.backup_replicate_to))


def second_keyring_place(settings: Settings) -> Target:
    """Where the keyring's copy is copied to."""
    for other in ("URL", "REPLICATE_TO", "KEYRING_URL"):
        _apart(settings, "KEYRING_REPLICATE_TO", f"BACKUP_{other}")
    return target_at(_lasting("KEYRING_REPLICATE_TO", settings.backup_keyring_replicate_to), latest_only=True)


def providers(settings: Settings, *more: KeyProvider) -> list[KeyProvider]:
    """The keys that the settings name, and `more`. Raises SettingsError when there is none at all."""
    found = list(more)
    if settings.backup_passphrase_file:
        found.append(Passphrase(Path(_lasting("PASSPHRASE_FILE", str(settings.backup_passphrase_file)))))
    if settings.backup_key_command:
        found.append(KeyCommand(settings.backup_key_command))
    if not found:
        raise SettingsError(
            "no key for snapshots is set: give DOORBELL_BACKUP_PASSPHRASE_FILE, or DOORBELL_BACKUP_KEY_COMMAND"
        )
    return found


def policy(settings: Settings) -> Policy:
    """Which snapshots stay."""
    counts: dict[str, Any] = {
        kind: int(count) for kind, count in (each.split("=") for each in settings.backup_keep.split(","))
    }
    return replace(Policy(), **counts)


def keyring_copies(settings: Settings) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each place with a copy of the keyring, and what brings that to the present. Raises as `repository`."""
    opened, now = repository(settings), state(settings)
    places = [keyring_place(settings)]
    if settings.backup_keyring_replicate_to:
        places.append(second_keyring_place(settings))
    for apart in places:
        yield apart.place, partial(_renew, now, opened, apart)


def _renew(state: State, opened: Repository, apart: Target) -> None:
    with in_turn(state, apart), reading(state.database) as view:
        copy_keys(keys_of(state.keyring, state.secrets), view, opened, apart)


def state(settings: Settings) -> State:
    """All that this cluster has, where it has it."""
    assert settings.master_key_file is not None
    assert settings.release_signing_key_file is not None
    assert settings.release_keys_file is not None
    files = {"serve-state.json": state_file(settings.folder), "release_keys.pub": settings.release_keys_file}
    if settings.notices_file:
        files["notices"] = settings.notices_file
    if settings.rushes_file:
        files["rushes"] = settings.rushes_file
    return State(
        folder=settings.folder,
        database=connect(settings.database_url),
        keyring=connect(settings.keyring_url),
        blobs=(
            _blobs("crops", settings.crops_url, "gallery_faces"),
            _blobs("recent-frames", settings.recent_frames_url, None),  # whose rows are written before the bytes
            _blobs("releases", settings.releases_url, None),
        ),
        files=files,
        secrets={"master.key": settings.master_key_file, "release_signing.key": settings.release_signing_key_file},
        program=PROGRAM,
        doors=Doors(connect, _migrate, make_tables, alone, _owned, partial(_look_into, settings)),
    )


def _lasting(setting: str, url: str) -> str:
    """Raises SettingsError for a path that means another place to each process: replicas run in folders of Ray's."""
    if "://" not in url and not url.startswith(("/", "~")):
        raise SettingsError(f"DOORBELL_BACKUP_{setting}: {url} is no absolute path; give {Path(url).absolute()}")
    return url


def _apart(settings: Settings, setting: str, other: str, url: str = "") -> None:
    """Raises SettingsError when one place is the other, or lies in it, or around it, however it is written."""
    mine = _parts(getattr(settings, f"backup_{setting.lower()}"))
    its = _parts(url or getattr(settings, other.lower()))
    if mine and its and mine[: len(its)] == its[: len(mine)]:
        raise SettingsError(
            f"DOORBELL_BACKUP_{setting} must be another place than DOORBELL_{other}, not in it nor around it"
        )


def _parts(url: str) -> tuple[str, ...]:
    """What an object there lies in, from the outermost on; of S3 the profile first, which may be another server's."""
    if not url:
        return ()
    if url.startswith("s3://"):
        found = urlsplit(url)
        profile = parse_qs(found.query).get("profile", [""])[-1]
        return ("s3", profile, found.netloc, *filter(None, found.path.split("/")))
    return Path(url.removeprefix("file://")).expanduser().resolve().parts


def _blobs(name: str, url: str, follows: str | None) -> BlobPlace:
    if url.startswith("s3://"):
        return BlobPlace(name, target_at(url), None, follows)
    folder = Path(url.removeprefix("file://")).absolute()
    return BlobPlace(name, FolderTarget(folder), folder, follows)


def _migrate(engine: Engine, revision: str | None) -> None:
    try:
        migrate(engine, revision or "head")
    except DatabaseError as error:
        raise NewerSchema(str(error)) from error


def _look_into(settings: Settings, loaded: Loaded) -> None:
    from serve_apps.gallery.crops import crops_at

    assert settings.master_key_file is not None
    look_into(loaded, settings.master_key_file, crops_at(settings.crops_url))


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    try:
        with sole_owner(folder):
            yield
    except CannotStart as error:
        raise CannotRestore(f"{error}; nothing is restored below a running cluster") from error
