"""Whether a face seems to be in a picture: a hint for what the spool keeps longest, no decision about anybody.

YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023) through OpenCV; see weights/CREDITS.md.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from threading import Lock
from typing import TYPE_CHECKING

import structlog

from edge.pictures.picture import reduced, scaled

if TYPE_CHECKING:
    import cv2
    from cv2.typing import MatLike

log = structlog.get_logger(__name__)

WEIGHTS = "face_detection_yunet_2023mar.onnx"
_LONGEST_SIDE = 320
_LEAST_SCORE = 0.6
_LEAST_SIDE = 32
"""The network halves a picture five times; of a narrower strip OpenCV gives what happens to lie in its memory."""


class FaceHint:
    """Looks at pictures 320 pixels wide; the network is loaded with the first. One may serve several cameras."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._detector: cv2.FaceDetectorYN | None = None
        self._broken = False

    def __call__(self, pixels: MatLike) -> bool | None:
        """Return whether a face seems to be there, None when it cannot tell. Never raises: a hint costs no frame."""
        if self._broken:
            return None
        try:
            small = scaled(reduced(pixels), _LONGEST_SIDE)
            if min(small.shape[:2]) < _LEAST_SIDE:
                return None
            with self._lock:
                return self._found(small)
        except Exception as error:  # whatever it is, the frame goes without a hint
            self._broken = self._detector is None
            log.warning("face_hint.failed", reason=f"{type(error).__name__}: {error}"[:200], given_up=self._broken)
            return None

    def _found(self, pixels: MatLike) -> bool:
        if self._detector is None:
            self._detector = _loaded()
        self._detector.setInputSize((pixels.shape[1], pixels.shape[0]))
        _, faces = self._detector.detect(pixels)
        return faces is not None and len(faces) > 0


def _loaded() -> cv2.FaceDetectorYN:
    import cv2

    # Other threads would wait for it on a small box; see also edge/drivers/device.py.
    cv2.setNumThreads(1)
    with as_file(files("edge.pictures") / "weights" / WEIGHTS) as path:
        return cv2.FaceDetectorYN.create(str(path), "", (_LONGEST_SIDE, _LONGEST_SIDE), _LEAST_SCORE)
