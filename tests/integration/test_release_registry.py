from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.releases.folder import open_release
from cluster.releases.manifest import EngineSettings, ReleaseError
from cluster.releases.pack import pack
from cluster.releases.recipes import RECIPES
from cluster.releases.registry import NameTaken, NoSuchRelease, Registry, RegistryUnavailable, registry_at
from cluster.releases.signing import TrustedKeys, make_signing_key

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EMBEDDER = RECIPES["yunet-sface"].weights["embedder"].file
Packer = Callable[..., Path]


@pytest.fixture(params=["folder", "bucket"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    """An empty registry; both kinds keep the same promises."""
    if request.param == "folder":
        yield registry_at(str(tmp_path / "releases"))
        return
    with pytest.MonkeyPatch.context() as environment:
        for name, value in request.getfixturevalue("s3").items():
            environment.setenv(name, value)
        yield registry_at(f"s3://crops/releases/{tmp_path.name}")


@pytest.fixture
def packed(tmp_path: Path) -> Packer:
    """Makes a release of small files; each call in a folder of its own."""
    make_signing_key(tmp_path / "signing.key", tmp_path / "keys.pub")
    folders = (tmp_path / f"packed-{number}" for number in range(100))

    def make(name: str = "spring", content: bytes = b"weights", long_side: int = 384) -> Path:
        folder = next(folders)
        folder.mkdir()
        recipe = dataclasses.replace(RECIPES["yunet-sface"], settings=EngineSettings(long_side=long_side))
        sources = {role: folder / f"{role}.source" for role in recipe.weights}
        for role, path in sources.items():
            path.write_bytes(content * 100 + role.encode())
        return pack(folder, name, recipe, sources, NOW, tmp_path / "signing.key")

    return make


def test_what_was_put_is_fetched_whole(registry: Registry, packed: Packer, tmp_path: Path) -> None:
    registry.put(packed())

    fetched = registry.fetch("spring", tmp_path / "cache")

    release = open_release(fetched, TrustedKeys.read(tmp_path / "keys.pub"))
    assert release.manifest == registry.manifest("spring")
    assert release.path("embedder").read_bytes() == b"weights" * 100 + b"embedder"


def test_names_are_sorted_and_none_is_there_at_first(registry: Registry, packed: Packer) -> None:
    assert registry.names() == []

    for name in ("winter", "autumn"):
        registry.put(packed(name))

    assert registry.names() == ["autumn", "winter"]


def test_the_same_release_again_is_no_error_and_another_one_under_its_name_is_refused(
    registry: Registry, packed: Packer, tmp_path: Path
) -> None:
    registry.put(packed())
    registry.put(packed())

    for other in (packed(content=b"other"), packed(long_side=512)):
        with pytest.raises(NameTaken, match="spring"):
            registry.put(other)

    kept = registry.fetch("spring", tmp_path / "cache")
    assert (kept / EMBEDDER).read_bytes().startswith(b"weights")


def test_of_two_releases_put_at_once_under_one_name_one_is_kept_whole(
    registry: Registry, packed: Packer, tmp_path: Path
) -> None:
    def put(folder: Path) -> bool:
        try:
            registry.put(folder)
        except NameTaken:
            return False
        return True

    folders = [packed(content=content) for content in (b"one", b"two", b"three")]
    with ThreadPoolExecutor(3) as threads:
        kept = list(threads.map(put, folders))

    assert kept.count(True) == 1
    fetched = registry.fetch("spring", tmp_path / "cache")
    assert (fetched / EMBEDDER).read_bytes() == (folders[kept.index(True)] / EMBEDDER).read_bytes()


def test_a_damaged_release_is_not_put(registry: Registry, packed: Packer) -> None:
    folder = packed()
    (folder / EMBEDDER).write_bytes(b"other")

    with pytest.raises(ReleaseError, match=EMBEDDER):
        registry.put(folder)

    assert registry.names() == []


@pytest.mark.parametrize("damage", [EMBEDDER, "manifest.json", "manifest.sig"])
def test_a_damaged_cached_copy_is_fetched_again(
    registry: Registry, packed: Packer, tmp_path: Path, damage: str
) -> None:
    registry.put(packed())
    cached = registry.fetch("spring", tmp_path / "cache")
    whole = (cached / damage).read_bytes()
    (cached / damage).write_bytes(whole[:-1] + b"?")

    assert registry.fetch("spring", tmp_path / "cache") == cached

    assert (cached / damage).read_bytes() == whole
    assert sorted(path.name for path in (tmp_path / "cache").glob("[!.]*")) == ["spring"]


def test_a_whole_cached_copy_is_not_fetched_again(registry: Registry, packed: Packer, tmp_path: Path) -> None:
    registry.put(packed())
    before = (registry.fetch("spring", tmp_path / "cache") / EMBEDDER).stat()

    after = (registry.fetch("spring", tmp_path / "cache") / EMBEDDER).stat()

    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_release_that_is_not_there_is_told_with_the_nearest_name(
    registry: Registry, packed: Packer, tmp_path: Path
) -> None:
    registry.put(packed())

    with pytest.raises(NoSuchRelease, match="did you mean spring"):
        registry.fetch("sprig", tmp_path / "cache")
    for name in ("../spring", "", "spring\n", "a/b"):
        with pytest.raises(NoSuchRelease):
            registry.manifest(name)


def test_without_the_registry_a_whole_copy_will_do_and_a_damaged_one_will_not(packed: Packer, tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    registry = registry_at(str(releases))
    registry.put(packed())
    cached = registry.fetch("spring", tmp_path / "cache")
    releases.rename(tmp_path / "away")

    assert registry.fetch("spring", tmp_path / "cache") == cached

    (cached / EMBEDDER).write_bytes(b"other")
    with pytest.raises(RegistryUnavailable):
        registry.fetch("spring", tmp_path / "cache")


def test_a_bucket_that_does_not_exist_or_answer_is_unavailable(
    s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RegistryUnavailable, match="s3://no-such-bucket"):
        registry_at("s3://no-such-bucket").fetch("spring", tmp_path)

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(RegistryUnavailable):
        registry_at("s3://crops/releases").names()


def test_weights_that_the_bucket_changed_or_lost_are_told(
    s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, packed: Packer, tmp_path: Path
) -> None:
    import boto3

    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    registry = registry_at(f"s3://crops/{tmp_path.name}-gone")
    registry.put(packed())
    weights = boto3.resource("s3").Bucket("crops").objects.filter(Prefix=f"{tmp_path.name}-gone/weights/")
    for weight in weights:
        weight.put(Body=b"other")
    with pytest.raises(ReleaseError, match=r"as the registry gives it: face_.*put the release there again"):
        registry.fetch("spring", tmp_path / "cache")

    weights.delete()

    with pytest.raises(ReleaseError, match="put the release there again"):
        registry.fetch("spring", tmp_path / "cache")
    assert not (tmp_path / "cache" / "spring").exists()

    registry.put(packed())
    assert (registry.fetch("spring", tmp_path / "cache") / EMBEDDER).exists()
