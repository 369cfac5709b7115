"""Pictures to measure with: 1280x720, made up, as a camera would see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from cv2.typing import MatLike

from edge.errors import SettingsInvalid

_WIDTH, _HEIGHT = 1280, 720
_SECONDS = 4


def write_walking_video(path: Path, frames_per_second: int = 15) -> Path:
    """Somebody walks through the picture. Raises SettingsInvalid."""
    return _write(path, frames_per_second, _pictures(frames_per_second, walking=True))


def write_still_video(path: Path, frames_per_second: int = 5) -> Path:
    """Nothing but the noise of the sensor. Raises SettingsInvalid."""
    return _write(path, frames_per_second, _pictures(frames_per_second, walking=False))


def _pictures(frames_per_second: int, *, walking: bool) -> Iterator[MatLike]:
    chance = np.random.default_rng(1)
    # A scene of large soft shapes: noise alone would be no picture that JPEG was made for.
    scene = cv2.resize(chance.integers(40, 200, (9, 16, 3), dtype=np.uint8), (_WIDTH, _HEIGHT))
    frames = frames_per_second * _SECONDS
    for number in range(frames):
        picture = scene.copy()
        if walking:
            left = int(number / frames * (_WIDTH - 200))
            cv2.rectangle(picture, (left, 200), (left + 200, 700), (30, 60, 90), -1)
        noise = chance.normal(0, 2, picture.shape)
        yield np.clip(picture + noise, 0, 255).astype(np.uint8)


def _write(path: Path, frames_per_second: int, pictures: Iterator[MatLike]) -> Path:
    fourcc = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, fourcc, frames_per_second, (_WIDTH, _HEIGHT))
    if not writer.isOpened():
        raise SettingsInvalid(f"cannot write a video to {path}", "name another folder with --spool")
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path
