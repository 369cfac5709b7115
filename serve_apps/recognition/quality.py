"""How much a face in a picture is worth for recognition."""

from __future__ import annotations

import math

import cv2

from serve_apps.faces import Box, Image

FULL_SIDE = 110
"""Pixels of a face's shorter side from which more size adds nothing: the chip holds a face of about that width."""

FULL_SHARPNESS = 150.0
"""Sharpness from which the sample photographs are all plainly in focus."""


def sharpness(chip: Image) -> float:
    """Variance of the Laplacian of a chip's grey values (Pech-Pacheco et al., 2000); more is sharper."""
    edges = cv2.Laplacian(cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY), cv2.CV_16S)
    return float(cv2.meanStdDev(edges)[1][0, 0]) ** 2


def quality(box: Box, chip_sharpness: float) -> float:
    """0 (useless) to 1 (large and sharp): the product of relative size and the root of relative sharpness."""
    size = min(1.0, max(0.0, min(box.width, box.height)) / FULL_SIDE)
    return size * math.sqrt(min(1.0, chip_sharpness / FULL_SHARPNESS))
