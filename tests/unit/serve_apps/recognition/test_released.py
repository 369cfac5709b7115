from __future__ import annotations

import dataclasses
import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks.faulty_engines import Faulty
from cluster.releases.folder import Release
from cluster.releases.manifest import EngineKind, Manifest, ReleaseError
from samples.frames import PHOTOS
from serve_apps.recognition import sface
from serve_apps.recognition.decode import decode
from serve_apps.recognition.detect import DetectorLimits
from serve_apps.recognition.engine import YunetDlib, YunetSface
from serve_apps.recognition.match import MatchRules
from serve_apps.recognition.released import engine_of, rules_of
from serve_apps.recognition.weights import DLIB_FIVE_POINTS, DLIB_RESNET, SFACE, YUNET

PACKAGED = {
    "yunet-dlib": {"detector": YUNET, "embedder": DLIB_RESNET, "landmarks": DLIB_FIVE_POINTS},
    "yunet-sface": {"detector": YUNET, "embedder": SFACE},
}


def release(
    folder: Path, kind: EngineKind, space: str = "space-1", long_side: int = 384, **instead: Path | bytes
) -> Release:
    """A release of the packaged weights, but for those of the roles in `instead`."""
    weights = []
    for role, packaged in PACKAGED[kind].items():
        file = folder / f"{role}.bin"
        other = instead.get(role, packaged.locate())
        file.write_bytes(other) if isinstance(other, bytes) else shutil.copyfile(other, file)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        described = {"role": role, "file": file.name, "sha256": digest, "size": file.stat().st_size}
        weights.append({**described, "licence": "MIT", "source": "a test"})
    card = dict.fromkeys(("summary", "training_data", "intended_use", "limits"), "a test")
    manifest = Manifest.model_validate(
        {
            "name": "release-1",
            "created_at": datetime(2026, 3, 1, tzinfo=UTC),
            "engine": kind,
            "space": space,
            "alignment": "as packaged",
            "thresholds": {"threshold": 0.9, "margin": 0.01},
            "settings": {"long_side": long_side},
            "weights": weights,
            "card": card,
        }
    )
    return Release(manifest, folder, manifest.digest, "a key")


@pytest.mark.parametrize("kind", ["yunet-dlib", "yunet-sface"])
def test_a_release_runs_its_weights_settings_and_space(kind: EngineKind, tmp_path: Path, weights_folder: Path) -> None:
    found = engine_of(release(tmp_path, kind, long_side=320), weights_folder, "cpu")

    packaged = (YunetDlib if kind == "yunet-dlib" else YunetSface)(weights_folder, DetectorLimits(long_side=320))
    image = decode((PHOTOS / "resident-1.jpg").read_bytes())
    assert isinstance(found, type(packaged))
    assert found.detect.limits.long_side == 320
    assert found.space == "space-1"
    apart = found.faces(image)[0].embedding - packaged.faces(image)[0].embedding
    assert np.linalg.norm(apart) < 1e-5


def test_an_engine_of_ones_own_runs_only_where_the_settings_name_it(tmp_path: Path, weights_folder: Path) -> None:
    packaged = release(tmp_path, "yunet-dlib")
    own = "benchmarks.faulty_engines:slow"
    fields = packaged.manifest.model_dump() | {"engine": own}
    wanted = dataclasses.replace(packaged, manifest=Manifest.model_validate(fields))
    with pytest.raises(ReleaseError, match=f"set DOORBELL_RELEASE_ENGINES={own}$"):
        engine_of(wanted, weights_folder, "cpu")

    found = engine_of(wanted, weights_folder, "cpu", frozenset({own}))
    assert isinstance(found, Faulty)
    assert found.space == "space-1"

    fields["engine"] = "benchmarks.faulty_engines:absent"
    wanted = dataclasses.replace(packaged, manifest=Manifest.model_validate(fields))
    with pytest.raises(ReleaseError, match=r"cannot be imported: .*absent"):
        engine_of(wanted, weights_folder, "cpu", frozenset({fields["engine"]}))


def test_the_rules_are_those_of_the_manifest(tmp_path: Path) -> None:
    assert rules_of(release(tmp_path, "yunet-sface")) == MatchRules(0.9, 0.01)


@pytest.mark.parametrize(
    ("kind", "role", "other", "said"),
    [
        ("yunet-dlib", "embedder", SFACE.locate(), "dlib weights"),
        ("yunet-dlib", "embedder", b"nonsense", "dlib weights"),
        ("yunet-dlib", "landmarks", b"nonsense", "landmarks.bin is no shape predictor"),
        ("yunet-dlib", "detector", SFACE.locate(), "detector.bin has the weights of another network"),
        ("yunet-sface", "embedder", YUNET.locate(), r"SFace weights: the graph's inputs and outputs are \[\[1, 3, 640"),
        ("yunet-sface", "embedder", b"nonsense", "embedder.bin has the weights of another network"),
        ("yunet-sface", "detector", b"0", "detector.bin has the weights of another network"),
    ],
)
def test_weights_of_another_network_are_one_clear_line(
    kind: EngineKind, role: str, other: Path | bytes, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ReleaseError, match=f"^release release-1: {said}") as caught:
        engine_of(release(tmp_path, kind, **{role: other}), tmp_path / "cache", "cpu")
    assert "\n" not in str(caught.value)


def mean_of_a_chip(length: int, told: int) -> bytes:
    """A graph that says it gives `told` numbers, and gives `length`."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [3, length], [0.1] * (3 * length))
    nodes = [
        helper.make_node("GlobalAveragePool", ["data"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["fc1"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, sface.SIDE, sface.SIDE])],
        [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, told])],
        [weights],
    )
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6).SerializeToString()
    )


@pytest.mark.parametrize("told", [64, 128])
def test_an_embedder_of_another_length_is_refused_whatever_it_says_of_itself(told: int, tmp_path: Path) -> None:
    assert onnx.load_from_string(mean_of_a_chip(64, told))

    with pytest.raises(ReleaseError, match=r"^release release-1: .*64"):
        engine_of(release(tmp_path, "yunet-sface", embedder=mean_of_a_chip(64, told)), tmp_path / "cache", "cpu")
