"""The public face_recognition package behind the same interface: slow, and right by definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import dlib
import face_recognition
import numpy as np
from numpy.typing import NDArray

from serve_apps.faces import Box, Embedding, Face, Image
from serve_apps.recognition.decode import Picture
from serve_apps.recognition.dlib_onnx import CHIP_SIZE
from serve_apps.recognition.engine import DLIB_SPACE, faces_of
from serve_apps.recognition.weights import DLIB_FIVE_POINTS, DLIB_RESNET


class FaceRecognition:
    """face_recognition with its defaults: HOG with one upsample, the small landmark model."""

    space = DLIB_SPACE
    batches = False

    def __init__(self) -> None:
        """Raises WeightsError when the weights that face_recognition loads are not the known ones."""
        self._predict = dlib.shape_predictor(str(DLIB_FIVE_POINTS.locate()))
        DLIB_RESNET.locate()

    def faces(self, image: Image) -> list[Face]:
        """The faces of an upright BGR image, from left to right as HOG reports them; it gives no scores (1.0)."""
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        places = face_recognition.face_locations(rgb)
        embeddings = face_recognition.face_encodings(rgb, places)
        boxes = [
            Box(float(left), float(top), float(right - left), float(bottom - top))
            for top, right, bottom, left in places
        ]
        chips = [self._chip(rgb, place) for place in places]
        return faces_of([(box, 1.0) for box in boxes], chips, [np.asarray(e, np.float32) for e in embeddings])

    def faces_of_many(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """The faces of each picture, decoded in full. Raises UndecodableImage."""
        for picture in pictures:
            picture.refine(1)
        return [self.faces(picture.image) for picture in pictures]

    def embed(self, chips: list[Image]) -> list[Embedding]:
        """128 float32 for each RGB chip, by dlib itself: what parity is measured against."""
        network = face_recognition.api.face_encoder
        return [np.asarray(network.compute_face_descriptor(chip), np.float32) for chip in chips]

    def _chip(self, rgb: NDArray[Any], place: tuple[int, int, int, int]) -> Image:
        top, right, bottom, left = place
        shape = self._predict(rgb, dlib.rectangle(left, top, right, bottom))
        return np.asarray(dlib.get_face_chip(rgb, shape, CHIP_SIZE), np.uint8)
