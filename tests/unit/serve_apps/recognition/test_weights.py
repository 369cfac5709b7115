from __future__ import annotations

import dataclasses
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from serve_apps.recognition import dlib_onnx
from serve_apps.recognition.weights import DLIB_FIVE_POINTS, YUNET, Weights, WeightsError, cached, write_atomically

CONTENT = b"pretend weights"


@pytest.fixture
def a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    folder = tmp_path / "some_weights"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "net.dat").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "some_weights", raising=False)
    return Weights("some_weights", "net.dat", sha256(CONTENT).hexdigest(), "some-weights")


def upper(content: bytes) -> bytes:
    return content.upper()


@pytest.mark.parametrize("weights", [YUNET, DLIB_FIVE_POINTS])
def test_the_packaged_weights_are_the_ones_we_know(weights: Weights) -> None:
    assert weights.locate().is_file()


def test_a_missing_package_is_named_with_the_way_out() -> None:
    absent = Weights("no_such_package", "net.dat", "0" * 64, "no-such-package")

    with pytest.raises(WeightsError, match=r"no-such-package is not installed; run 'make install'"):
        absent.locate()


def test_a_file_missing_from_its_package_is_named(a_package: Weights) -> None:
    with pytest.raises(WeightsError, match=r"other\.dat: No such file"):
        dataclasses.replace(a_package, path="other.dat").locate()


def test_weights_of_another_digest_are_not_used(a_package: Weights) -> None:
    with pytest.raises(WeightsError, match=r"sha256 is .*expected 000000000000"):
        dataclasses.replace(a_package, sha256="0" * 64).locate()


def test_a_graph_is_built_once_and_found_again(a_package: Weights, tmp_path: Path) -> None:
    path = cached(tmp_path / "cache", "net", a_package, upper)

    assert path.read_bytes() == CONTENT.upper()
    assert cached(tmp_path / "cache", "net", a_package, lambda _: pytest.fail("built again")) == path


@pytest.mark.parametrize("spoilt", ["graph", "digest"])
@pytest.mark.parametrize("damage", [b"damaged", None])
def test_a_damaged_or_missing_cache_is_built_again(
    a_package: Weights, tmp_path: Path, spoilt: str, damage: bytes | None
) -> None:
    path = cached(tmp_path, "net", a_package, upper)
    victim = path if spoilt == "graph" else path.with_suffix(".sha256")
    victim.unlink() if damage is None else victim.write_bytes(damage)

    assert cached(tmp_path, "net", a_package, upper).read_bytes() == CONTENT.upper()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"old")

    with pytest.raises(TypeError):
        write_atomically(tmp_path / "file", "no bytes")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x01\x05con_4\x01\x02\x01\x07"])
def test_bytes_of_another_network_are_refused(content: bytes) -> None:
    with pytest.raises(WeightsError, match="dlib weights"):
        dlib_onnx.build(content)
