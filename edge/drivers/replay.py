"""A folder of image files in the place of a door: trigger and camera in one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Condition, Event

from edge.camera import Picture
from edge.errors import CameraFailed, SettingsInvalid
from edge.trigger import Firing

MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
_STOP_CHECK_S = 0.2


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
    """Goes through the images of a folder once, `interval_s` seconds apart; its firings are for `camera_id` only.

    Firings and captures may run in different threads: a firing waits until the image of the one before was captured.
    """

    def __init__(self, folder: Path, interval_s: float = 0.0, *, camera_id: str | None = None) -> None:
        self.files = image_files(folder)
        self._interval_s = interval_s
        self._cameras = () if camera_id is None else (camera_id,)
        self._current: Path | None = None
        self._captured = Condition()

    def firings(self, stop: Event) -> Iterator[Firing]:
        for position, file in enumerate(self.files):
            if not self._was_captured(stop) or stop.wait(self._interval_s if position else 0.0):
                return
            with self._captured:
                self._current = file
            yield Firing("manual", cameras=self._cameras)

    def capture(self, triggered_s: float) -> Picture:
        """Return the image of the last firing as it is, taken at the moment of the trigger. Raises CameraFailed."""
        with self._captured:
            file, self._current = self._current, None
            self._captured.notify_all()
        if file is None:
            raise CameraFailed("no image of the folder is due", "wait for the replay's own trigger")
        try:
            image = file.read_bytes()
        except OSError as error:
            raise CameraFailed(f"cannot read {file}: {error.strerror}", "check the file") from error
        return Picture(image, MEDIA_TYPES[file.suffix.lower()], file.name, captured_s=triggered_s)

    def close(self) -> None:
        with self._captured:
            self._current = None
            self._captured.notify_all()

    def _was_captured(self, stop: Event) -> bool:
        with self._captured:
            while self._current is not None and not stop.is_set():
                # Nobody who sets the event tells the condition.
                self._captured.wait(_STOP_CHECK_S)
        return not stop.is_set()
