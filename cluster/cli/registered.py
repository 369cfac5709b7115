"""The releases that the settings name: their registry, who is trusted, and what licences allow use."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.releases.folder import Release, allowed_licences, open_release
from cluster.releases.manifest import ReleaseError
from cluster.releases.registry import Registry, registry_at
from cluster.releases.signing import TrustedKeys
from serve_apps.settings import Settings, load


def registry() -> Registry:
    """Raises ReleaseError, SettingsError."""
    return registry_at(load().releases_url)


def trusted(settings: Settings) -> TrustedKeys:
    """Raises ReleaseError."""
    assert settings.release_keys_file is not None
    return TrustedKeys.read(settings.release_keys_file)


def licences(settings: Settings) -> frozenset[str]:
    """The open ones and those of the settings."""
    return allowed_licences(settings.release_licences.split(","))


@contextmanager
def registered(name: str) -> Iterator[Release]:
    """A verified copy of what the registry has, for as long as it is looked at. Raises ReleaseError."""
    settings = load()
    with scratch(settings) as folder:
        fetched = registry().fetch(name, folder)
        try:
            release = open_release(fetched, trusted(settings), licences(settings))
        except ReleaseError as error:  # by its name: the copy is gone when somebody reads this
            raise ReleaseError(str(error).replace(str(fetched), name)) from error
        yield release


@contextmanager
def scratch(settings: Settings) -> Iterator[Path]:
    """A folder beside the data: a release may be larger than what /tmp holds."""
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=settings.folder, prefix="release-") as folder:
        yield Path(folder)
