"""Turn a detected face into the 150x150 chip that dlib's ResNet was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import cv2
import dlib
import numpy as np

from serve_apps.faces import Box, Detection, Image
from serve_apps.recognition.dlib_onnx import CHIP_SIZE

HOG_SIDE = 0.95
HOG_DROP = 0.05
"""dlib's predictor expects its own detector's square box: this side, in square roots of YuNet's box area, and this far
below YuNet's centre, in its heights. Fitted on the sample photographs against dlib's detector."""

ChipPlace: TypeAlias = Any
"""dlib's chip_details: its package has no types. `rect` has as many of the image's pixels as the chip shows."""


class Aligner:
    """dlib's 5-point predictor and chip extraction; neither minds the order of the colours."""

    def __init__(self, predictor: Path) -> None:
        self._predict = dlib.shape_predictor(str(predictor))

    def __call__(self, image: Image, face: Detection) -> Image:
        """An RGB chip, 150 x 150 x 3 uint8."""
        return cut(image, self.place(image, face))

    def place(self, image: Image, face: Detection) -> ChipPlace:
        """Where the chip lies in the image."""
        return dlib.get_face_chip_details(self._predict(image, _hog_box(face.box)), CHIP_SIZE)


def cut(image: Image, place: ChipPlace) -> Image:
    """The RGB chip at a place; dlib halves what is more than twice too large, and interpolates."""
    return np.asarray(cv2.cvtColor(dlib.extract_image_chip(image, place), cv2.COLOR_BGR2RGB), np.uint8)


def _hog_box(box: Box) -> dlib.rectangle:
    side = HOG_SIDE * (box.width * box.height) ** 0.5
    x = box.x + box.width / 2 - side / 2
    y = box.y + box.height * (0.5 + HOG_DROP) - side / 2
    return dlib.rectangle(round(x), round(y), round(x + side), round(y + side))
