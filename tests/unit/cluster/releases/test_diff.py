from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from cluster.releases.diff import Difference, differences, must_reembed
from cluster.releases.manifest import Manifest, Thresholds, read_manifest
from cluster.releases.recipes import RECIPES

Packer = Callable[..., Path]


def manifest(folder: Path) -> Manifest:
    return read_manifest(folder.name, (folder / "manifest.json").read_bytes())


def test_a_release_does_not_differ_from_the_same_under_another_name(packed: Packer) -> None:
    assert differences(manifest(packed("spring")), manifest(packed("summer"))) == []


def test_another_threshold_is_one_field_and_the_gallery_stays(packed: Packer) -> None:
    sface = RECIPES["yunet-sface"]
    stricter = dataclasses.replace(sface, thresholds=Thresholds(threshold=1.0, margin=sface.thresholds.margin))

    before, after = manifest(packed()), manifest(packed(recipe=stricter))

    assert differences(before, after) == [Difference("thresholds.threshold", 1.05, 1.0)]
    assert not must_reembed(before, after)


def test_another_space_asks_for_new_embeddings_and_missing_weights_are_nothing(packed: Packer) -> None:
    before = manifest(packed(recipe=RECIPES["yunet-dlib"]))
    after = manifest(packed(recipe=RECIPES["yunet-sface"]))

    found = {difference.field: difference for difference in differences(before, after)}

    assert must_reembed(before, after)
    assert found["space"] == Difference("space", "dlib-resnet-v1", "sface-2021dec")
    assert found["weights.landmarks.licence"].after is None
    assert "weights.detector.sha256" not in found
