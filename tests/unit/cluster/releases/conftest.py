from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.releases.pack import pack
from cluster.releases.recipes import RECIPES, Recipe
from cluster.releases.signing import TrustedKeys, make_signing_key

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Packer = Callable[..., Path]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_signing_key(tmp_path / "signing.key", tmp_path / "keys.pub")
    return tmp_path / "signing.key"


@pytest.fixture
def trusted(key: Path) -> TrustedKeys:
    return TrustedKeys.read(key.parent / "keys.pub")


@pytest.fixture
def packed(tmp_path: Path, key: Path) -> Packer:
    """Makes a release of small files; each call in a folder of its own."""
    count = 0

    def make(name: str = "spring", recipe: Recipe = RECIPES["yunet-sface"], content: bytes = b"weights") -> Path:
        nonlocal count
        count += 1
        folder = tmp_path / f"packed-{count}"
        folder.mkdir()
        sources = {role: folder / f"{role}.source" for role in recipe.weights}
        for role, path in sources.items():
            path.write_bytes(content + role.encode())
        return pack(folder, name, recipe, sources, NOW, key)

    return make
