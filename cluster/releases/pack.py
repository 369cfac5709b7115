"""Make a release of weight files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cluster.releases.folder import OPEN_LICENCES, check_licences
from cluster.releases.install import copy_synced, write_synced
from cluster.releases.manifest import MANIFEST, SIGNATURE, Manifest, ReleaseError, make_manifest
from cluster.releases.recipes import Recipe
from cluster.releases.signing import sign


def pack(
    folder: Path,
    name: str,
    recipe: Recipe,
    sources: Mapping[str, Path],
    created_at: datetime,
    key: Path,
    licences: frozenset[str] = OPEN_LICENCES,
) -> Path:
    """A signed release in the new folder `folder`/`name`; `sources`: weight files by role, `key`: the private one.

    Raises ReleaseError.
    """
    manifest = _manifest(name, recipe, sources, created_at)
    check_licences(manifest, licences)
    data = manifest.encoded()
    signature = sign(key, data)
    packed = folder / name
    try:
        packed.mkdir(parents=True)
        for weight in manifest.weights:
            copy_synced(sources[weight.role], packed / weight.file)
        write_synced(packed / SIGNATURE, signature)
        write_synced(packed / MANIFEST, data)
    except OSError as error:
        raise ReleaseError(f"{error.filename or packed}: {error.strerror}; the release cannot be packed") from error
    return packed


def _manifest(name: str, recipe: Recipe, sources: Mapping[str, Path], created_at: datetime) -> Manifest:
    weights = []
    for role, ingredient in recipe.weights.items():
        if role not in sources:
            raise ReleaseError(f"{name} needs a file as {role}; give --weights {role}=FILE")
        size, sha256 = _measured(sources[role])
        weights.append(
            {
                "role": role,
                "file": ingredient.file,
                "size": size,
                "sha256": sha256,
                "licence": ingredient.licence,
                "source": ingredient.source,
            }
        )
    return make_manifest(
        {
            "name": name,
            "created_at": created_at,
            "engine": recipe.engine,
            "space": recipe.space,
            "alignment": recipe.alignment,
            "thresholds": recipe.thresholds,
            "settings": recipe.settings,
            "weights": weights,
            "card": recipe.card,
        }
    )


def _measured(path: Path) -> tuple[int, str]:
    try:
        with path.open("rb") as file:
            return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ReleaseError(f"{path}: {error.strerror}; a weight file is needed here") from error
