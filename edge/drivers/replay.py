"""A folder of image files in the place of a door: trigger and camera in one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

from edge.camera import Picture
from edge.errors import CameraFailed, SettingsInvalid
from edge.trigger import TriggerKind

MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def image_files(folder: Path) -> tuple[Path, ...]:
    """Return the images of a folder, sorted by name. Raises SettingsInvalid when there are none."""
    try:
        files = [file for file in folder.iterdir() if file.suffix.lower() in MEDIA_TYPES and file.is_file()]
    except OSError as error:
        raise SettingsInvalid(f"cannot read the folder {folder}: {error.strerror}", "name another folder") from error
    visible = sorted((file for file in files if not file.name.startswith(".")), key=lambda file: file.name)
    if not visible:
        raise SettingsInvalid(f"{folder} holds no image", "put .jpg, .jpeg, .png or .webp files there")
    return tuple(visible)


class Replay:
    """Goes through the images of a folder once, `interval_s` seconds apart."""

    def __init__(self, folder: Path, interval_s: float = 0.0) -> None:
        self.files = image_files(folder)
        self._interval_s = interval_s
        self._current: Path | None = None

    def firings(self, stop: Event) -> Iterator[TriggerKind]:
        for position, file in enumerate(self.files):
            if stop.wait(self._interval_s if position else 0.0):
                return
            self._current = file
            yield "manual"

    def capture(self) -> Picture:
        if self._current is None:
            raise CameraFailed("the replay has not started", "wait for its trigger before capturing")
        try:
            image = self._current.read_bytes()
        except OSError as error:
            raise CameraFailed(f"cannot read {self._current}: {error.strerror}", "check the file") from error
        return Picture(image, MEDIA_TYPES[self._current.suffix.lower()], self._current.name)

    def close(self) -> None:
        self._current = None
