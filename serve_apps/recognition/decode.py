"""Bytes to pixels, no more of them than are needed."""

from __future__ import annotations

import cv2
import numpy as np

from serve_apps import jpeg
from serve_apps.faces import Image, UndecodableImage

FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
"""By reduction. A JPEG's blocks of 8x8 are then transformed to 4x4, 2x2 or 1 pixel: averages, at less cost."""

DECODED_LONG_SIDE = 1024
"""A JPEG's longer side is not reduced below this before it is known whether there is a face. Detection could do with
less, but most of a JPEG's cost is the same at any reduction, and a face that turns out too small for its chip is paid
with a second decoding: at 384 pixels, frames of 1920 x 1080 with a face took 40 % longer than without any reduction."""


def decode(content: bytes, reduction: int = 1) -> Image:
    """An upright 8-bit BGR image without alpha and metadata, whatever the file's depth and colours.

    EXIF orientation is applied; sides are divided by `reduction` and rounded up. Raises UndecodableImage.
    """
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), FLAGS[reduction]) if content else None
    except cv2.error as error:
        raise UndecodableImage(f"the image cannot be decoded: {error.err}") from error
    if image is None:
        raise UndecodableImage("the image cannot be decoded")
    return np.asarray(image, np.uint8)


class Picture:
    """An image file, decoded no finer than was asked for so far; used by one thread.

    `image` has one pixel for `reduction` by `reduction` of the file's. Only a large JPEG starts with a reduction above
    1: decoding the other formats costs the same at any size.
    """

    def __init__(self, content: bytes) -> None:
        """Raises UndecodableImage."""
        self._content = content
        self.reduction = coarsest(max(jpeg.size(content) or (0, 0)) / DECODED_LONG_SIDE)
        self.image = decode(content, self.reduction)

    @classmethod
    def of(cls, image: Image) -> Picture:
        """One that is decoded already."""
        picture = cls.__new__(cls)
        picture._content, picture.reduction, picture.image = b"", 1, image
        return picture

    def refine(self, reduction: float) -> None:
        """Decode again where `reduction` is finer than it is now. Raises UndecodableImage."""
        finer = coarsest(reduction)
        if finer < self.reduction:
            self.image, self.reduction = decode(self._content, finer), finer


def coarsest(reduction: float) -> int:
    """The largest reduction that the decoder offers and that does not exceed this one; 1 below 1."""
    return max((each for each in FLAGS if each <= reduction), default=1)
