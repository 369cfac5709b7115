"""Bytes to pixels."""

from __future__ import annotations

import cv2
import numpy as np

from serve_apps.faces import Image, UndecodableImage


def decode(content: bytes) -> Image:
    """An upright 8-bit BGR image without alpha and metadata, whatever the file's depth and colours.

    EXIF orientation is applied. Raises UndecodableImage.
    """
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    except cv2.error as error:
        raise UndecodableImage(f"the image cannot be decoded: {error.err}") from error
    if image is None:
        raise UndecodableImage("the image cannot be decoded")
    return np.asarray(image, np.uint8)
