"""Turn a detected face into the 150x150 chip that dlib's ResNet was trained on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from serve_apps.faces import Box, Detection, Image
from serve_apps.recognition.dlib_onnx import CHIP_SIZE
from serve_apps.recognition.weights import WeightsError

HOG_SIDE = 0.95
HOG_DROP = 0.05
"""dlib's predictor expects its own detector's square box: this side, in square roots of YuNet's box area, and this far
below YuNet's centre, in its heights. Fitted on the sample photographs against dlib's detector."""

ChipPlace: TypeAlias = Any
"""dlib's chip_details: its package has no types. `rect` has as many of the image's pixels as the chip shows."""

Matrix: TypeAlias = NDArray[np.float64]
"""2 x 3, affine."""

FIVE = 5
"""Corners of both eyes, and the base of the nose: the points that chips are aligned by."""

MARGIN = 4
"""Pixels around a chip that halving and interpolating look at."""

DLIBS_HALF = (-0.25, 0.25)
"""Both halve with the binomial filter of five; dlib's pixel (x, y) then lies at (x / 2 - 1.25, y / 2 - 0.75), and its
first one is OpenCV's second."""


class Aligner:
    """dlib's 5-point predictor and chip extraction; neither minds the order of the colours."""

    side = CHIP_SIZE

    def __init__(self, predictor: Path) -> None:
        """Raises WeightsError for another file than a predictor of five points."""
        try:
            self._predict = dlib.shape_predictor(str(predictor))
        except RuntimeError as error:
            raise WeightsError(f"{predictor.name} is no shape predictor of dlib's") from error
        points = self._predict(np.zeros((8, 8, 3), np.uint8), dlib.rectangle(0, 0, 7, 7)).num_parts
        if points != FIVE:
            raise WeightsError(f"{predictor.name} predicts {points} points of a face, {FIVE} are needed")

    def __call__(self, image: Image, face: Detection) -> Image:
        """An RGB chip, 150 x 150 x 3 uint8."""
        return cut(image, self.place(image, face))

    def place(self, image: Image, face: Detection) -> ChipPlace:
        """Where the chip lies in the image."""
        return dlib.get_face_chip_details(self._predict(image, _hog_box(face.box)), CHIP_SIZE)

    def width(self, place: ChipPlace) -> float:
        """Pixels of the image that the chip's side covers."""
        return float(place.rect.width())

    def cut(self, image: Image, place: ChipPlace) -> Image:
        """As the function."""
        return cut(image, place)


def cut(image: Image, place: ChipPlace) -> Image:
    """The RGB chip at a place: dlib.extract_image_chip, at less than half of its cost.

    Like dlib it halves what is more than twice too large, and interpolates; dlib rounds down where OpenCV rounds.
    """
    matrix, width = _into_image(place), place.rect.width()
    while width > 2 * CHIP_SIZE:
        image, matrix = _halved(image, matrix)
        width /= 2
    chip = cv2.warpAffine(image, matrix, (CHIP_SIZE, CHIP_SIZE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(cv2.cvtColor(chip, cv2.COLOR_BGR2RGB), np.uint8)


def _into_image(place: ChipPlace) -> Matrix:
    """From the chip's pixels to the image's: the place's rectangle, turned about its centre."""
    rect, last = place.rect, CHIP_SIZE - 1
    across, down = (rect.right() - rect.left()) / last, (rect.bottom() - rect.top()) / last
    cos, sin = math.cos(place.angle), math.sin(place.angle)
    matrix = np.array([[cos * across, -sin * down, 0], [sin * across, cos * down, 0]])
    centre = (rect.left() + rect.right()) / 2, (rect.top() + rect.bottom()) / 2
    matrix[:, 2] = centre - matrix[:, :2] @ (last / 2, last / 2)
    return matrix


def _halved(image: Image, matrix: Matrix) -> tuple[Image, Matrix]:
    """What the chip needs of the image, as dlib's pyramid_down<2> halves it, and the way into that."""
    last = CHIP_SIZE - 1
    corners = matrix @ np.array([[0, last, 0, last], [0, 0, last, last], [1, 1, 1, 1]])
    height, width = image.shape[:2]
    first, end = np.floor(corners.min(axis=1)) - MARGIN, np.ceil(corners.max(axis=1)) + MARGIN
    left, top = np.clip(first, 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(end, (left + 1, top + 1), (width, height)).astype(int)
    half = matrix.copy()
    half[:, 2] -= left, top
    half /= 2
    half[:, 2] += DLIBS_HALF
    return np.asarray(cv2.pyrDown(image[top:bottom, left:right]), np.uint8), half


def _hog_box(box: Box) -> dlib.rectangle:
    side = HOG_SIDE * (box.width * box.height) ** 0.5
    x = box.x + box.width / 2 - side / 2
    y = box.y + box.height * (0.5 + HOG_DROP) - side / 2
    return dlib.rectangle(round(x), round(y), round(x + side), round(y + side))
