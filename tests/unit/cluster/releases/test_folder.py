from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.releases.folder import allowed_licences, open_release
from cluster.releases.manifest import ReleaseError
from cluster.releases.recipes import RECIPES, Ingredient
from cluster.releases.signing import TrustedKeys, make_signing_key, sign

Packer = Callable[..., Path]
SFACE = RECIPES["yunet-sface"]
EMBEDDER = SFACE.weights["embedder"].file


def refused(folder: Path, trusted: TrustedKeys) -> str:
    with pytest.raises(ReleaseError) as error:
        open_release(folder, trusted)
    assert "\n" not in str(error.value)
    return str(error.value)


def signed_anew(folder: Path, key: Path, manifest: bytes) -> None:
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "manifest.sig").write_bytes(sign(key, manifest))


def rewritten(folder: Path, key: Path, change: Callable[[dict], object]) -> None:
    """Changes the manifest as somebody could who has the key."""
    content = json.loads((folder / "manifest.json").read_bytes())
    change(content)
    signed_anew(folder, key, json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_packed_release_opens(packed: Packer, trusted: TrustedKeys, recipe: str) -> None:
    folder = packed(recipe=RECIPES[recipe])

    release = open_release(folder, trusted)

    assert release.manifest.engine == recipe
    assert release.digest == release.manifest.digest
    assert release.path("embedder").read_bytes() == b"weightsembedder"
    assert release.signed_by in trusted.names.values()


def test_a_role_that_the_engine_does_not_have_is_told(packed: Packer, trusted: TrustedKeys) -> None:
    with pytest.raises(ReleaseError, match="no landmarks"):
        open_release(packed(), trusted).path("landmarks")


@pytest.mark.parametrize("bit", [0, 40, 119])
def test_one_flipped_bit_names_the_file(packed: Packer, trusted: TrustedKeys, bit: int) -> None:
    folder = packed()
    content = bytearray((folder / EMBEDDER).read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    (folder / EMBEDDER).write_bytes(content)

    assert f"{folder / EMBEDDER}: the file is damaged" in refused(folder, trusted)


def test_one_flipped_bit_of_the_manifest_is_no_longer_what_was_signed(packed: Packer, trusted: TrustedKeys) -> None:
    folder = packed()
    content = bytearray((folder / "manifest.json").read_bytes())
    content[content.index(b"0.08") + 3] ^= 1
    (folder / "manifest.json").write_bytes(content)

    assert "not the one that" in refused(folder, trusted)


@pytest.mark.parametrize("keep", [0, 1, 200])
def test_a_manifest_or_signature_cut_short_is_one_line(packed: Packer, trusted: TrustedKeys, keep: int) -> None:
    for name in ("manifest.json", "manifest.sig"):
        folder = packed()
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: min(keep, len(content) - 5)])

        assert str(folder) in refused(folder, trusted)


@pytest.mark.parametrize("manifest", [b"", b"{", b"[" * 9_000, b"\xff", b"null", b'{"format":2}', b" " * 70_000])
def test_a_signed_manifest_that_is_none_is_one_line(
    packed: Packer, trusted: TrustedKeys, key: Path, manifest: bytes
) -> None:
    folder = packed()
    signed_anew(folder, key, manifest)

    assert "manifest.json" in refused(folder, trusted)


def test_a_manifest_written_in_another_way_is_refused(packed: Packer, trusted: TrustedKeys, key: Path) -> None:
    folder = packed()
    signed_anew(folder, key, (folder / "manifest.json").read_bytes() + b"\n")

    assert "sorted keys" in refused(folder, trusted)


@pytest.mark.parametrize("file", ["manifest.json", "manifest.sig", EMBEDDER])
def test_a_missing_file_is_named(packed: Packer, trusted: TrustedKeys, file: str) -> None:
    folder = packed()
    (folder / file).unlink()

    assert str(folder / file) in refused(folder, trusted)


def test_a_file_too_many_is_named(packed: Packer, trusted: TrustedKeys) -> None:
    folder = packed()
    (folder / "run.sh").touch()

    assert f"{folder / 'run.sh'}: the manifest does not name it" in refused(folder, trusted)


@pytest.mark.parametrize("file", ["manifest.json", EMBEDDER])
def test_a_link_is_no_file_of_a_release(packed: Packer, trusted: TrustedKeys, file: str) -> None:
    folder = packed()
    (folder / file).rename(folder.parent / "elsewhere")
    (folder / file).symlink_to(folder.parent / "elsewhere")

    assert f"{folder / file}: a release has plain files only" in refused(folder, trusted)


def test_another_signature_is_refused(packed: Packer, trusted: TrustedKeys, tmp_path: Path) -> None:
    folder = packed()
    make_signing_key(tmp_path / "theirs.key", tmp_path / "theirs.pub")
    (folder / "manifest.sig").write_bytes(sign(tmp_path / "theirs.key", (folder / "manifest.json").read_bytes()))

    assert "not trusted" in refused(folder, trusted)


def test_a_missing_licence_is_said(packed: Packer, trusted: TrustedKeys, key: Path) -> None:
    folder = packed()
    rewritten(folder, key, lambda content: content["weights"][1].pop("licence"))
    assert "weights.1: the file has no licence" in refused(folder, trusted)

    rewritten(folder, key, lambda content: content["weights"][1].update(licence=""))
    assert "weights.1: the file has no licence" in refused(folder, trusted)


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT AND Apache-2.0", True),
        ("LicenseRef-Research OR MIT", True),
        ("CC-BY-NC-4.0", False),
        ("MIT AND CC-BY-NC-4.0", False),
        ("mit or later", False),
    ],
)
def test_only_licences_that_allow_the_use_are_opened(
    packed: Packer, trusted: TrustedKeys, key: Path, licence: str, allowed: bool
) -> None:
    folder = packed()
    rewritten(folder, key, lambda content: content["weights"][1].update(licence=licence))

    if allowed:
        assert open_release(folder, trusted).manifest.weight("embedder").licence == licence
    else:
        assert f"'{licence}'" in refused(folder, trusted)


def test_an_installation_may_allow_a_licence_of_its_own(packed: Packer, trusted: TrustedKeys, key: Path) -> None:
    folder = packed()
    rewritten(folder, key, lambda content: content["weights"][1].update(licence="LicenseRef-Ours"))

    assert open_release(folder, trusted, allowed_licences(["LicenseRef-Ours", ""])).signed_by


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content["weights"].pop(), "detector, embedder"),
        (lambda content: content["weights"].append(content["weights"][0]), "one file each"),
        (lambda content: content["weights"][0].update(file=content["weights"][1]["file"]), "name of its own"),
        (lambda content: content["weights"][0].update(file="manifest.sig"), "name of its own"),
        (lambda content: content["weights"][0].update(file="../up"), "weights.0.file"),
        (lambda content: content["thresholds"].update(threshold=float("nan")), "thresholds.threshold"),
        (lambda content: content.update(engine="yunet-magic"), "engine"),
        (lambda content: content.update(treshold=1), "treshold"),
    ],
)
def test_a_manifest_that_does_not_fit_its_engine_is_refused(
    packed: Packer, trusted: TrustedKeys, key: Path, change: Callable[[dict], object], said: str
) -> None:
    folder = packed()
    rewritten(folder, key, change)

    assert said in refused(folder, trusted)


def test_an_unlicensed_file_is_not_packed(packed: Packer) -> None:
    weights = {**SFACE.weights, "embedder": Ingredient("net.onnx", "CC-BY-NC-4.0", "a paper")}

    with pytest.raises(ReleaseError, match=r"net\.onnx, 'CC-BY-NC-4\.0'"):
        packed(recipe=dataclasses.replace(SFACE, weights=weights))
