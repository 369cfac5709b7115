"""Turn a detected face into the 150x150 chip that dlib's ResNet was trained on."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np

from serve_apps.faces import Box, Detection, Image
from serve_apps.recognition.dlib_onnx import CHIP_SIZE

HOG_SIDE = 0.95
HOG_DROP = 0.05
"""dlib's predictor expects its own detector's square box: this side, in square roots of YuNet's box area, and this far
below YuNet's centre, in its heights. Fitted on the sample photographs against dlib's detector."""

REGION = 0.5
"""How much of the box's size is kept around it for the chip, on each side."""


class Aligner:
    """dlib's 5-point predictor and chip extraction, on the full-resolution pixels around a face."""

    def __init__(self, predictor: Path) -> None:
        self._predict = dlib.shape_predictor(str(predictor))

    def __call__(self, image: Image, face: Detection) -> Image:
        """An RGB chip, 150 x 150 x 3 uint8."""
        left, top, right, bottom = region(image, face.box)
        rgb = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_BGR2RGB)
        shape = self._predict(rgb, _hog_box(face.box, left, top))
        return np.asarray(dlib.get_face_chip(rgb, shape, CHIP_SIZE), np.uint8)


def region(image: Image, box: Box) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the box with its surroundings, inside the image."""
    height, width = image.shape[:2]
    across, down = box.width * REGION, box.height * REGION
    left, top = max(0, int(box.x - across)), max(0, int(box.y - down))
    right, bottom = min(width, int(box.x + box.width + across)), min(height, int(box.y + box.height + down))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _hog_box(box: Box, left: int, top: int) -> dlib.rectangle:
    side = HOG_SIDE * (box.width * box.height) ** 0.5
    x = box.x + box.width / 2 - side / 2 - left
    y = box.y + box.height * (0.5 + HOG_DROP) - side / 2 - top
    return dlib.rectangle(round(x), round(y), round(x + side), round(y + side))
