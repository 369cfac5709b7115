from __future__ import annotations

import cv2
import numpy as np
import pytest

from serve_apps.faces import Box
from serve_apps.recognition.quality import FULL_SHARPNESS, FULL_SIDE, quality, sharpness


def test_a_large_sharp_face_is_worth_all_and_more_adds_nothing() -> None:
    assert quality(Box(0, 0, FULL_SIDE, FULL_SIDE), FULL_SHARPNESS) == 1.0
    assert quality(Box(0, 0, 5 * FULL_SIDE, 5 * FULL_SIDE), 9 * FULL_SHARPNESS) == 1.0


def test_the_shorter_side_counts() -> None:
    assert quality(Box(0, 0, FULL_SIDE / 2, 900), FULL_SHARPNESS) == pytest.approx(0.5)


@pytest.mark.parametrize(("side", "blur"), [(0.0, 200.0), (-3.0, 200.0), (200.0, 0.0)])
def test_a_face_without_size_or_detail_is_worth_nothing(side: float, blur: float) -> None:
    assert quality(Box(0, 0, side, side), blur) == 0.0


def test_blurring_a_picture_lowers_its_sharpness() -> None:
    chip = np.random.default_rng(1).integers(0, 255, (150, 150, 3)).astype(np.uint8)

    assert sharpness(cv2.GaussianBlur(chip, (9, 9), 0)) < sharpness(chip) / 10
    assert sharpness(np.full((150, 150, 3), 90, np.uint8)) == 0.0
