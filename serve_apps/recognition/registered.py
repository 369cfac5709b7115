"""The engine that a release of the registry, or the settings, ask for; without Ray, since a start prepares it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_apps.settings import Settings, SettingsError

if TYPE_CHECKING:
    from cluster.releases.folder import Release
    from serve_apps.recognition.engine import Engine

DEFAULT_RELEASE = "yunet-dlib-1"
"""Packed at the first start, from the installed packages."""


def build_engine(settings: Settings) -> Engine:
    """The engine of the packaged weights, for what is measured without a release."""
    if settings.engine == "face_recognition":
        from serve_apps.recognition.reference import FaceRecognition

        return FaceRecognition()
    from serve_apps.recognition.engine import YunetDlib

    return YunetDlib(settings.weights_folder, provider=settings.provider)


def fetched_release(settings: Settings, name: str, digest: str | None = None) -> Release:
    """A release of the registry, checked. Raises ReleaseError, also when its digest is not the one asked for."""
    from cluster.releases.folder import allowed_licences, open_release
    from cluster.releases.manifest import ReleaseError
    from cluster.releases.registry import registry_at
    from cluster.releases.signing import TrustedKeys

    assert settings.release_keys_file is not None
    folder = registry_at(settings.releases_url).fetch(name, settings.releases_cache)
    licences = allowed_licences(settings.release_licences.split(","))
    release = open_release(folder, TrustedKeys.read(settings.release_keys_file), licences)
    if digest not in (None, release.digest):
        raise ReleaseError(f"release {name}: its digest is {release.digest}, the one asked for is {digest}")
    return release


def released_engine(settings: Settings, release: Release) -> Engine:
    """The engine of a release, or the reference in its place. Raises ReleaseError, SettingsError, WeightsError."""
    from serve_apps.recognition.engine import DLIB_SPACE
    from serve_apps.recognition.released import engine_of

    if settings.engine != "face_recognition":
        return engine_of(release, settings.weights_folder, settings.provider, settings.engines_allowed)
    space = release.manifest.space
    if space != DLIB_SPACE:
        raise SettingsError(
            f"DOORBELL_ENGINE=face_recognition embeds in the space {DLIB_SPACE}, and the release "
            f"{release.manifest.name} in {space}; unset DOORBELL_ENGINE, or deploy a release of {DLIB_SPACE}"
        )
    return build_engine(settings)
