"""An engine finds the faces of an image and embeds them.

Two engines share one embedding space: `YunetDlib`, which the application runs, and
`reference.FaceRecognition`, the public face_recognition package, which it is measured against.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from serve_apps.faces import Box, Detection, Embedding, Face, Image
from serve_apps.recognition import detect, dlib_onnx
from serve_apps.recognition.align import Aligner, ChipPlace, cut
from serve_apps.recognition.decode import Picture
from serve_apps.recognition.detect import Detector, DetectorLimits, scaled
from serve_apps.recognition.embed import Embedder
from serve_apps.recognition.quality import quality, sharpness
from serve_apps.recognition.sessions import Provider, Session
from serve_apps.recognition.weights import DLIB_FIVE_POINTS

DLIB_SPACE = "dlib-resnet-v1"
"""dlib's ResNet v1 on chips aligned by dlib's 5-point predictor."""

NO_LANDMARKS = np.zeros((5, 2), np.float32)


class Engine(Protocol):
    """Not safe to share between threads."""

    space: str
    batches: bool
    """Whether faces of several pictures are embedded at less cost together than one after the other."""

    def faces(self, image: Image) -> list[Face]:
        """The faces of an upright BGR image, best detection first."""

    def faces_of_many(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """The faces of each picture, in pixels of its file. Raises UndecodableImage."""


class YunetDlib:
    """YuNet finds, dlib's predictor aligns, dlib's ResNet (as ONNX) embeds; all on one thread."""

    space = DLIB_SPACE

    def __init__(
        self, weights_folder: Path, limits: DetectorLimits = DetectorLimits(), provider: Provider = "cpu"
    ) -> None:
        """Builds or checks the graphs in `weights_folder`. Raises WeightsError, CannotRun."""
        cv2.setNumThreads(1)
        self.detect = Detector(Session(detect.cached_graph(weights_folder), provider), limits)
        self.align = Aligner(DLIB_FIVE_POINTS.locate())
        self.embed = Embedder(Session(dlib_onnx.cached_graph(weights_folder), provider))
        self.batches = provider != "cpu"

    def faces(self, image: Image) -> list[Face]:
        """The faces of an upright BGR image, best detection first."""
        return self.faces_of_many([Picture.of(image)])[0]

    def faces_of_many(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """The faces of each picture, in pixels of its file; all embedded at once. Raises UndecodableImage."""
        found = [self.find(picture) for picture in pictures]
        chips = [self.chips(picture, faces) for picture, faces in zip(pictures, found, strict=True)]
        embeddings = iter(self.embed(list(itertools.chain(*chips))))
        return [
            faces_of([(face.box, face.score) for face in faces], cut, list(itertools.islice(embeddings, len(cut))))
            for faces, cut in zip(found, chips, strict=True)
        ]

    def find(self, picture: Picture) -> list[Detection]:
        """Detections in pixels of the file, best first."""
        return [scaled(face, picture.reduction) for face in self.detect(picture.image)]

    def chips(self, picture: Picture, found: Sequence[Detection]) -> list[Image]:
        """A chip for each detection; the picture is refined where a chip would have fewer pixels than the file.

        Raises UndecodableImage.
        """
        places = self._places(picture, found)
        smallest = min((place.rect.width() for place in places), default=dlib_onnx.CHIP_SIZE)
        if picture.reduction > 1 and smallest < dlib_onnx.CHIP_SIZE:
            picture.refine(picture.reduction * smallest / dlib_onnx.CHIP_SIZE)
            places = self._places(picture, found)
        return [cut(picture.image, place) for place in places]

    def _places(self, picture: Picture, found: Sequence[Detection]) -> list[ChipPlace]:
        return [self.align.place(picture.image, scaled(face, 1 / picture.reduction)) for face in found]


def faces_of(found: Sequence[tuple[Box, float]], chips: list[Image], embeddings: list[Embedding]) -> list[Face]:
    """Put what an engine found of each face together."""
    blur = [sharpness(chip) for chip in chips]
    return [
        Face(box, score, quality(box, blur[index]), blur[index], embeddings[index])
        for index, (box, score) in enumerate(found)
    ]


def warm_up(engine: Engine) -> None:
    """Run every stage once, so that the first visitor does not pay for lazy set-up. Raises CannotRun."""
    engine.faces(np.zeros((480, 640, 3), np.uint8))
    if isinstance(engine, YunetDlib):
        side = dlib_onnx.CHIP_SIZE
        chip = engine.align(np.zeros((480, 640, 3), np.uint8), Detection(Box(250, 170, side, side), NO_LANDMARKS, 1.0))
        faces_of([(Box(0, 0, side, side), 1.0)], [chip], engine.embed([chip]))
