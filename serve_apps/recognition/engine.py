"""An engine finds the faces of an image and embeds them.

`YunetDlib` and `YunetSface` are what releases are made of, in an embedding space each. `reference.FaceRecognition`, the
public face_recognition package, shares dlib's space, and is what `YunetDlib` is measured against.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np

from cluster.monitoring.journey import ended
from serve_apps.faces import Box, Detection, Embedding, Face, Image
from serve_apps.recognition import detect, dlib_onnx, sface
from serve_apps.recognition.align import Aligner
from serve_apps.recognition.decode import Picture
from serve_apps.recognition.detect import HEADS, STRIDES, Detector, DetectorLimits, scaled
from serve_apps.recognition.embed import Embedder
from serve_apps.recognition.quality import quality, sharpness
from serve_apps.recognition.sessions import Provider, Session
from serve_apps.recognition.weights import (
    DLIB_FIVE_POINTS,
    DLIB_RESNET,
    SFACE,
    YUNET,
    CannotRun,
    WeightsError,
    WeightSource,
)

DLIB_SPACE = "dlib-resnet-v1"
"""dlib's ResNet v1 on chips aligned by dlib's 5-point predictor."""

SFACE_SPACE = "sface-2021dec"
"""SFace on chips aligned by YuNet's landmarks; embeddings have length 1."""

LENGTH = 128
"""Numbers of an embedding, in every space."""

SMALLEST_CELLS = sum((max(STRIDES) // stride) ** 2 for stride in STRIDES)
"""Of the smallest picture that the detector takes."""

Embed: TypeAlias = Callable[[list[Image]], list[Embedding]]


class Engine(Protocol):
    """Not safe to share between threads."""

    space: str
    batches: bool
    """Whether faces of several pictures are embedded at less cost together than one after the other."""

    def faces(self, image: Image) -> list[Face]:
        """The faces of an upright BGR image, best detection first."""

    def faces_of_many(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """The faces of each picture, in pixels of its file. Raises UndecodableImage."""


class Alignment(Protocol):
    """From a detection to the chip that an embedder takes. A place is whatever `cut` needs."""

    side: int
    """Of a chip, in pixels."""

    def place(self, image: Image, face: Detection) -> Any:
        """Where the chip lies in the image."""

    def width(self, place: Any) -> float:
        """Pixels of the image that the chip's side covers."""

    def cut(self, image: Image, place: Any) -> Image:
        """The RGB chip, side x side x 3 uint8."""


@dataclass(frozen=True, slots=True)
class DlibModel:
    """The weights of a `YunetDlib`, and the embedding space that they make."""

    space: str = DLIB_SPACE
    detector: WeightSource = YUNET
    embedder: WeightSource = DLIB_RESNET
    landmarks: WeightSource = DLIB_FIVE_POINTS


@dataclass(frozen=True, slots=True)
class SfaceModel:
    """The weights of a `YunetSface`, and the embedding space that they make."""

    space: str = SFACE_SPACE
    detector: WeightSource = YUNET
    embedder: WeightSource = SFACE


class YunetEngine:
    """YuNet finds, an alignment cuts chips, an embedder embeds them; all on one thread."""

    def __init__(self, space: str, find: Detector, align: Alignment, embed: Embed, *, batches: bool) -> None:
        """Raises WeightsError when the embedder's numbers are not those of an embedding."""
        cv2.setNumThreads(1)
        self.space = space
        self.detect = find
        self.align = align
        self.embed = embed
        self.batches = batches
        _check(embed, align.side)

    def faces(self, image: Image) -> list[Face]:
        """The faces of an upright BGR image, best detection first."""
        return self.faces_of_many([Picture.of(image)])[0]

    def faces_of_many(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """The faces of each picture, in pixels of its file; all embedded at once. Raises UndecodableImage."""
        found = [self.find(picture) for picture in pictures]
        ended("detect")
        chips = [self.chips(picture, faces) for picture, faces in zip(pictures, found, strict=True)]
        ended("align")
        embeddings = iter(self.embed(list(itertools.chain(*chips))))
        ended("embed")
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
        places, side = self._places(picture, found), self.align.side
        smallest = min((self.align.width(place) for place in places), default=side)
        if picture.reduction > 1 and smallest < side:
            picture.refine(picture.reduction * smallest / side)
            places = self._places(picture, found)
        return [self.align.cut(picture.image, place) for place in places]

    def _places(self, picture: Picture, found: Sequence[Detection]) -> list[Any]:
        return [self.align.place(picture.image, scaled(face, 1 / picture.reduction)) for face in found]


class YunetDlib(YunetEngine):
    """dlib's predictor aligns, dlib's ResNet (as ONNX) embeds."""

    align: Aligner

    def __init__(
        self,
        cache: Path,
        limits: DetectorLimits = DetectorLimits(),
        provider: Provider = "cpu",
        model: DlibModel = DlibModel(),
    ) -> None:
        """Builds or checks the graphs in `cache`. Raises WeightsError, CannotRun."""
        found = _detector(cache, model.detector, provider, limits)
        embed = Embedder(Session(dlib_onnx.cached_graph(cache, model.embedder), provider))
        super().__init__(model.space, found, Aligner(model.landmarks.locate()), embed, batches=provider != "cpu")


class YunetSface(YunetEngine):
    """YuNet's own landmarks align, SFace embeds."""

    def __init__(
        self,
        cache: Path,
        limits: DetectorLimits = DetectorLimits(),
        provider: Provider = "cpu",
        model: SfaceModel = SfaceModel(),
    ) -> None:
        """Builds or checks the graphs in `cache`. Raises WeightsError, CannotRun."""
        found = _detector(cache, model.detector, provider, limits)
        embed = sface.SfaceEmbedder(Session(sface.cached_graph(cache, model.embedder), provider))
        super().__init__(model.space, found, sface.SfaceAligner(), embed, batches=provider != "cpu")


def _detector(cache: Path, weights: WeightSource, provider: Provider, limits: DetectorLimits) -> Detector:
    run = Session(detect.cached_graph(cache, weights), provider)
    side = max(STRIDES)
    found, needed = run(np.zeros((1, 3, side, side), np.uint8)).shape, (SMALLEST_CELLS, sum(HEADS.values()))
    if found != needed:
        raise WeightsError(f"detector: the graph gives {found} numbers for {side} x {side} pixels, {needed} are needed")
    return Detector(run, limits)


def _check(embed: Embed, side: int) -> None:
    try:
        (found,) = embed([np.zeros((side, side, 3), np.uint8)])
    except CannotRun as error:
        raise WeightsError(f"embedder: it cannot embed a chip of {side} x {side} pixels: {error}") from error
    if found.shape != (LENGTH,):
        numbers = " x ".join(map(str, found.shape))
        raise WeightsError(f"embedder: it gives {numbers} numbers for a face, {LENGTH} are needed")
    if not np.isfinite(found).all():
        raise WeightsError("embedder: it gives numbers that are not finite")


def faces_of(found: Sequence[tuple[Box, float]], chips: list[Image], embeddings: list[Embedding]) -> list[Face]:
    """Put what an engine found of each face together."""
    blur = [sharpness(chip) for chip in chips]
    return [
        Face(box, score, quality(box, blur[index]), blur[index], embeddings[index])
        for index, (box, score) in enumerate(found)
    ]
