"""Where releases are kept: a folder, or an S3 bucket by URL. A name is used once; what it means never changes."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from cluster.releases.folder import check_content, check_file, read_signed
from cluster.releases.install import Copy, copy_synced, exclusively, install
from cluster.releases.manifest import MANIFEST, NAME, Manifest, ReleaseError, read_manifest


class RegistryUnavailable(ReleaseError):
    """The registry does not answer."""


class NoSuchRelease(ReleaseError):
    """The registry has no release of this name."""


class NameTaken(ReleaseError):
    """The registry has another release of this name."""


class Registry(Protocol):
    """All of it raises RegistryUnavailable, and ReleaseError where something is wrong with a release."""

    def names(self) -> list[str]:
        """Every release, sorted."""

    def manifest(self, name: str) -> Manifest:
        """What the release says of itself; whether it is true, `open_release` says. Raises NoSuchRelease."""

    def put(self, folder: Path) -> None:
        """Keep the release in `folder`; the same one again is no error. Raises NameTaken."""

    def fetch(self, name: str, cache: Path) -> Path:
        """The folder below `cache` with a whole copy; a damaged one is fetched again. Raises NoSuchRelease.

        While the registry is away, a whole copy that is there already will do.
        """


def registry_at(url: str) -> Registry:
    """`s3://bucket/prefix` or a folder's path. Raises ReleaseError for another kind of URL."""
    parts = urlsplit(url)
    if parts.scheme == "s3":
        from cluster.releases.bucket import BucketRegistry  # boto3 costs 40 MB and half a second

        return BucketRegistry(parts.netloc, parts.path.strip("/"))
    if parts.scheme in ("", "file"):
        return FolderRegistry(Path(parts.path))
    raise ReleaseError(f"releases cannot be kept at '{parts.scheme}://': give a folder or s3://bucket/prefix")


class FolderRegistry:
    """One folder a release."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Folders with a manifest."""
        try:
            found = [path.parent.name for path in self._folder.glob(f"*/{MANIFEST}")]
        except OSError as error:
            raise RegistryUnavailable(f"{self._folder}: {error.strerror}") from error
        return sorted(name for name in found if re.match(NAME, name))

    def manifest(self, name: str) -> Manifest:
        """From the release's folder."""
        return named(name, self._signed(name)[0])

    def put(self, folder: Path) -> None:
        """The whole copy takes its name in one step."""
        data, signature = read_signed(folder)
        manifest = check_content(folder, data)
        target = self._folder / manifest.name
        try:
            with exclusively(target):
                if (target / MANIFEST).exists():
                    refuse_another(manifest, read_signed(target)[0])
                install(target, data, signature, lambda new: _copy_weights(manifest, folder, new))
        except OSError as error:
            raise RegistryUnavailable(f"{error.filename or self._folder}: {error.strerror}") from error

    def fetch(self, name: str, cache: Path) -> Path:
        """A copy, so that a release in use does not depend on the registry's disk."""
        try:
            data, signature = self._signed(name)
        except RegistryUnavailable as error:
            return kept_copy(cache / name, error)
        manifest = named(name, data)
        return fetched(cache / name, data, signature, lambda new: _copy_weights(manifest, self._folder / name, new))

    def _signed(self, name: str) -> tuple[bytes, bytes]:
        check_name(name)
        if not self._folder.is_dir():
            raise RegistryUnavailable(
                f"{self._folder}: no such folder; mount the registry again, or make the first release with "
                "'doorbell release pack'"
            )
        if not (self._folder / name / MANIFEST).exists():
            raise no_such(name, self.names())
        return read_signed(self._folder / name)


def check_name(name: str) -> None:
    """Before it becomes a path. Raises NoSuchRelease."""
    if not re.fullmatch(NAME, name):
        raise NoSuchRelease(f"'{name}' is no release's name: up to 64 of a-z 0-9 . _ - and first a letter or a digit")


def no_such(name: str, names: list[str]) -> NoSuchRelease:
    """With the nearest name that there is."""
    nearest = difflib.get_close_matches(name, names, 1)
    said = f"did you mean {nearest[0]}?" if nearest else "'doorbell release list' shows them"
    return NoSuchRelease(f"there is no release '{name}'; {said}")


def named(name: str, data: bytes) -> Manifest:
    """The manifest in `data`, which the registry has under `name`. Raises ReleaseError."""
    manifest = read_manifest(name, data)
    if manifest.name != name:
        raise ReleaseError(f"{name}: the manifest under this name is that of {manifest.name}; somebody renamed it")
    return manifest


def refuse_another(manifest: Manifest, present: bytes) -> None:
    """Raises NameTaken when what is there is not this release."""
    if present != manifest.encoded():
        raise NameTaken(
            f"there is another release '{manifest.name}' already, and releases never change; take a new name"
        )


def fetched(target: Path, data: bytes, signature: bytes, copy: Copy) -> Path:
    """`target` with this release in it. Raises ReleaseError."""
    try:
        with exclusively(target):
            install(target, data, signature, copy)
    except OSError as error:
        raise ReleaseError(f"{error.filename or target}: {error.strerror}; the release cannot be kept here") from error
    return target


def kept_copy(target: Path, unavailable: RegistryUnavailable) -> Path:
    """`target`, if it is whole. Raises `unavailable` otherwise."""
    try:
        check_content(target, read_signed(target)[0])
    except ReleaseError:
        raise unavailable from None
    return target


def _copy_weights(manifest: Manifest, source: Path, new: Path) -> None:
    for weight in manifest.weights:
        check_file(source / weight.file, weight)
        copy_synced(source / weight.file, new / weight.file)
