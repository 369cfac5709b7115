"""From a camera's pixels to a JPEG: how sharp they are, which part is sent, how large, how many bytes.

Pixels are BGR, (height, width, 3), uint8. OpenCV is imported with the first picture, so that a box without a camera
starts without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.errors import CameraFailed
from edge.settings.cameras import CropSettings

if TYPE_CHECKING:
    from cv2.typing import MatLike

BEST_QUALITY = 95
"""Above it a JPEG grows by half for differences that nobody sees, says libjpeg's own documentation."""
QUALITIES = tuple(range(40, BEST_QUALITY + 1, 5))
_SCALE_STEP = 0.75
_SMALLEST_SIDE = 16
_REDUCED_SIDE = 320


@dataclass(frozen=True, slots=True)
class Jpeg:
    """Encoded pixels with the quality that was used."""

    image: bytes = field(repr=False)
    quality: int


def sharpness(pixels: MatLike) -> float:
    """Return the variance of the Laplacian of the grey picture; it compares pictures of one scene only.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000. Measured on 160 bursts of
    four pictures, 1280x720, of the sample photographs before plain and tiled walls, with motion blur of 1 to 22 pixels
    in any direction, noise of 2 to 9 grey levels, in daylight and at a third of it, through a JPEG of quality 85: how
    often the least blurred was chosen, and milliseconds a picture, by the size the picture was reduced to.

    | measure                  | 1280         | 640          | 320          | 160          |
    | variance of Laplacian    | 0.912 (0.66) | 0.994 (0.55) | 1.000 (0.42) | 0.906 (0.36) |
    | Tenengrad                | 1.000 (1.45) | 0.994 (0.68) | 0.975 (0.44) | 0.875 (0.37) |
    | squared differences of 2 | 1.000 (0.32) | 0.994 (0.41) | 0.994 (0.37) | 0.944 (0.35) |
    | bytes as JPEG            | 0.956 (1.64) | 0.975 (0.69) | 0.825 (0.44) | 0.575 (0.38) |
    """
    import cv2

    grey = cv2.cvtColor(reduced(pixels), cv2.COLOR_BGR2GRAY)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S, ksize=1))
    return float(deviation[0, 0]) ** 2


def reduced(pixels: MatLike) -> MatLike:
    """Halve a picture by averaging until its longer side is 320 to 639 pixels, if it is longer.

    OpenCV averages two by two several times as fast as by any other factor.
    """
    import cv2

    while max(pixels.shape[:2]) >= 2 * _REDUCED_SIDE and min(pixels.shape[:2]) > 1:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
    return pixels


def cropped(pixels: MatLike, crop: CropSettings) -> MatLike:
    """Return a view of the part that `crop` names, at least one pixel of it."""
    height, width = pixels.shape[:2]
    left, right = _span(crop.x, crop.width, width)
    top, bottom = _span(crop.y, crop.height, height)
    return pixels[top:bottom, left:right]


def scaled(pixels: MatLike, longest_side: int) -> MatLike:
    """Return the picture with its longer side at most so many pixels; never larger than it was."""
    import cv2

    height, width = pixels.shape[:2]
    factor = longest_side / max(height, width)
    if factor >= 1.0:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def jpeg_within(pixels: MatLike, max_bytes: int, first_quality: int = BEST_QUALITY) -> Jpeg:
    """Return the JPEG of the best quality that has at most `max_bytes`, in steps of 5 from 95 to 40.

    The search begins at `first_quality`: that of the picture before, which mostly fits again. When 40 is too many
    bytes, the picture is scaled down by a quarter until it fits. Raises CameraFailed.
    """
    while True:
        if (jpeg := _best_quality(pixels, max_bytes, first_quality)) is not None:
            return jpeg
        longest = round(max(pixels.shape[:2]) * _SCALE_STEP)
        if longest < _SMALLEST_SIDE:
            raise CameraFailed(f"no picture fits into {max_bytes} bytes", "raise picture.max_bytes")
        pixels = scaled(pixels, longest)


def _best_quality(pixels: MatLike, max_bytes: int, first_quality: int) -> Jpeg | None:
    """Bisect on the quality. The second look is beside the first, since pictures of one door hardly differ."""
    best: Jpeg | None = None
    low, high = 0, len(QUALITIES) - 1
    probe, looks = min(max(0, (first_quality - QUALITIES[0]) // 5), high), 0
    while low <= high:
        jpeg = _encoded(pixels, QUALITIES[probe])
        if fits := len(jpeg.image) <= max_bytes:
            best, low = jpeg, probe + 1
        else:
            high = probe - 1
        looks += 1
        probe = (low if fits else high) if looks == 1 else (low + high) // 2
    return best


def _encoded(pixels: MatLike, quality: int) -> Jpeg:
    import cv2

    try:
        succeeded, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as error:
        raise CameraFailed(f"a picture cannot be encoded: {error.err}", "check the camera's size and format") from error
    if not succeeded:
        raise CameraFailed("a picture cannot be encoded", "check the camera's size and format")
    return Jpeg(jpeg.tobytes(), quality)


def _span(start: float, share: float, pixels: int) -> tuple[int, int]:
    first = min(round(start * pixels), pixels - 1)
    return first, max(first + 1, min(pixels, round((start + share) * pixels)))
