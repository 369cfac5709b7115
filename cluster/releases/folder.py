"""A release on the disk: nothing of it is used before its signature, every file and every licence are right."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cluster.releases.manifest import (
    MANIFEST,
    MOST_MANIFEST_BYTES,
    SIGNATURE,
    Manifest,
    ReleaseError,
    WeightFile,
    read_manifest,
)
from cluster.releases.signing import MOST_SIGNATURE_FILE_BYTES, TrustedKeys

OPEN_LICENCES = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC-BY-4.0",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "Unlicense",
        "Zlib",
    }
)
"""SPDX identifiers of licences that allow any use, commercial use too, and oblige to no more than naming the maker."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release that was verified. `digest` is the sha256 of its manifest, `signed_by` the name of a trusted key."""

    manifest: Manifest
    folder: Path
    digest: str
    signed_by: str

    def path(self, role: str) -> Path:
        """The weight file of this role. Raises ReleaseError when the engine has none."""
        return self.folder / self.manifest.weight(role).file


def open_release(folder: Path, trusted: TrustedKeys, licences: frozenset[str] = OPEN_LICENCES) -> Release:
    """Verify the signature, then every file and its licence. Raises ReleaseError."""
    data, signature = read_signed(folder)
    try:
        signed_by = trusted.verify(data, signature)
    except ReleaseError as error:
        raise ReleaseError(f"{folder}: {error}") from error
    manifest = check_content(folder, data)
    check_licences(manifest, licences)
    return Release(manifest, folder, manifest.digest, signed_by)


def read_signed(folder: Path) -> tuple[bytes, bytes]:
    """The bytes of the manifest and of its signature. Raises ReleaseError."""
    return (
        _small(folder / MANIFEST, MOST_MANIFEST_BYTES),
        _small(folder / SIGNATURE, MOST_SIGNATURE_FILE_BYTES),
    )


def check_content(folder: Path, data: bytes) -> Manifest:
    """The manifest in `data`, when the folder has all of its files unchanged and no other. Raises ReleaseError."""
    manifest = read_manifest(f"{folder / MANIFEST}", data)
    expected = {MANIFEST, SIGNATURE, *(weight.file for weight in manifest.weights)}
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                _check_entry(entry, expected)
    except OSError as error:
        raise ReleaseError(f"{folder}: {error.strerror}") from error
    for weight in manifest.weights:
        check_file(folder / weight.file, weight)
    return manifest


def check_file(path: Path, weight: WeightFile) -> None:
    """Whether the file is the one the manifest promises. Raises ReleaseError."""
    try:
        size = path.stat().st_size
        if size != weight.size:
            raise ReleaseError(
                f"{path}: it has {size:,} bytes, not the {weight.size:,} of its manifest; fetch it again"
            )
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ReleaseError(f"{path}: {error.strerror}; fetch or pack the release again") from error
    if found != weight.sha256:
        raise ReleaseError(
            f"{path}: the file is damaged: sha256 is {found[:12]}…, its manifest says {weight.sha256[:12]}…; "
            "fetch it again"
        )


def check_licences(manifest: Manifest, licences: frozenset[str] = OPEN_LICENCES) -> None:
    """Whether each file may be used. Raises ReleaseError."""
    for weight in manifest.weights:
        if not _allows(weight.licence, licences):
            raise ReleaseError(
                f"{manifest.name}: the licence of {weight.file}, '{weight.licence}', is not one that is known to allow "
                "this use; if you may use it, name it in DOORBELL_RELEASE_LICENCES"
            )


def allowed_licences(more: Iterable[str]) -> frozenset[str]:
    """The open ones and those that an installation allows beside them."""
    return OPEN_LICENCES | {licence.strip() for licence in more if licence.strip()}


def _allows(expression: str, licences: frozenset[str]) -> bool:
    """SPDX without brackets: AND binds closer than OR, and of OR's sides one is enough."""
    return any(all(one.strip() in licences for one in side.split(" AND ")) for side in expression.split(" OR "))


def _check_entry(entry: os.DirEntry[str], expected: set[str]) -> None:
    if entry.name not in expected:
        raise ReleaseError(f"{entry.path}: the manifest does not name it; remove it, or fetch the release again")
    if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
        raise ReleaseError(f"{entry.path}: a release has plain files only; fetch the release again")


def _small(path: Path, most: int) -> bytes:
    if path.is_symlink():
        raise ReleaseError(f"{path}: a release has plain files only; fetch the release again")
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ReleaseError(f"{path}: {error.strerror}; this is no whole release") from error
    if len(content) > most:
        raise ReleaseError(f"{path}: it has more than the {most:,} bytes that it may have")
    return content
