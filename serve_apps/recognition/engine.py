"""An engine finds the faces of an image and embeds them.

Two engines share one embedding space: `YunetDlib`, which the application runs, and
`reference.FaceRecognition`, the public face_recognition package, which it is measured against.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from serve_apps.faces import Box, Embedding, Face, Image
from serve_apps.recognition import detect, dlib_onnx
from serve_apps.recognition.align import Aligner
from serve_apps.recognition.detect import Detector, DetectorLimits
from serve_apps.recognition.embed import Embedder
from serve_apps.recognition.quality import quality, sharpness
from serve_apps.recognition.weights import DLIB_FIVE_POINTS

DLIB_SPACE = "dlib-resnet-v1"
"""dlib's ResNet v1 on chips aligned by dlib's 5-point predictor."""


class Engine(Protocol):
    """Not safe to share between threads."""

    space: str

    def faces(self, image: Image) -> list[Face]:
        """The faces of an upright BGR image, best detection first."""


class YunetDlib:
    """YuNet finds, dlib's predictor aligns, dlib's ResNet (as ONNX) embeds; all on one thread."""

    space = DLIB_SPACE

    def __init__(self, weights_folder: Path, limits: DetectorLimits = DetectorLimits()) -> None:
        """Builds or checks the graphs in `weights_folder`. Raises WeightsError."""
        cv2.setNumThreads(1)
        self.detect = Detector(detect.cached_graph(weights_folder), limits)
        self.align = Aligner(DLIB_FIVE_POINTS.locate())
        self.embed = Embedder(dlib_onnx.cached_graph(weights_folder))

    def faces(self, image: Image) -> list[Face]:
        """The faces of an upright BGR image, best detection first."""
        found = self.detect(image)
        chips = [self.align(image, face) for face in found]
        embeddings = self.embed(chips)
        return faces_of([(face.box, face.score) for face in found], chips, embeddings)


def faces_of(found: Sequence[tuple[Box, float]], chips: list[Image], embeddings: list[Embedding]) -> list[Face]:
    """Put what an engine found of each face together."""
    blur = [sharpness(chip) for chip in chips]
    return [
        Face(box, score, quality(box, blur[index]), blur[index], embeddings[index])
        for index, (box, score) in enumerate(found)
    ]


def warm_up(engine: Engine) -> None:
    """Run every stage once, so that the first visitor does not pay for lazy set-up."""
    engine.faces(np.zeros((480, 640, 3), np.uint8))
    if isinstance(engine, YunetDlib):
        engine.embed([np.zeros((dlib_onnx.CHIP_SIZE, dlib_onnx.CHIP_SIZE, 3), np.uint8)])
