"""One camera at work: each firing becomes a frame on disk, or a reason why there is none."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from queue import Empty, Queue

import structlog

from edge.camera import Camera, Frame, Picture, checked_camera_id, new_frame_id
from edge.errors import Unusable
from edge.listener import Listener
from edge.spool.queue import Spool
from edge.trigger import Firing, TriggerKind
from edge.upload.clock import boot_clock

log = structlog.get_logger(__name__)

_MOST_WAITING = 8
"""Firings that may wait for one camera; more of them would be pictures of a moment long gone."""


class Door:
    """A camera with the queue of what it is asked for; `work` runs in its own thread."""

    def __init__(self, camera_id: str, camera: Camera, spool: Spool, listener: Listener) -> None:
        """Raises CameraIdInvalid."""
        self.busy_since: float | None = None
        self._camera_id = checked_camera_id(camera_id)
        self._camera = camera
        self._spool = spool
        self._listener = listener
        self._asked: Queue[Firing | None] = Queue()

    @property
    def pending(self) -> bool:
        """Whether something asked for is not done yet."""
        return self._asked.unfinished_tasks > 0

    def fire(self, firing: Firing) -> None:
        """Ask for a picture; answers the firing's fate at once when too many are waiting."""
        if self._asked.qsize() >= _MOST_WAITING:
            self._lose(firing, f"{_MOST_WAITING} pictures are waiting for this camera already")
        else:
            self._asked.put(firing)

    def close(self, *, at_once: bool) -> None:
        """End `work` after everything that was asked for, or `at_once` after the picture in hand."""
        while at_once:
            try:
                firing = self._asked.get_nowait()
            except Empty:
                break
            self._asked.task_done()
            if firing is not None:
                self._lose(firing, "the agent is stopping")
        self._asked.put(None)

    def work(self) -> None:
        """Take pictures until `close`. Raises what a listener raises; nothing is asked of the camera after that."""
        while (firing := self._asked.get()) is not None:
            self.busy_since = time.monotonic()
            try:
                self._take(firing)
            except Unusable as error:
                # The next visitor may have more luck: a full disk or a loose cable must not end the box.
                self._lose(firing, str(error))
            finally:
                self.busy_since = None
                self._asked.task_done()
                self._spool.wake()
        self._asked.task_done()

    def _take(self, firing: Firing) -> None:
        picture = self._camera.capture(firing.at_s)
        frame = _frame_of(picture, self._camera_id, firing.kind)
        self._listener.captured(frame, (time.monotonic() - firing.at_s) * 1000.0)
        self._spool.take(frame, picture.captured_s)
        # Told in this order: whoever hears that a frame was taken may rely on it whatever is killed next.
        if firing.fate is not None:
            firing.fate.taken(self._camera_id, frame.frame_id)
        self._listener.taken(frame, (time.monotonic() - firing.at_s) * 1000.0)

    def _lose(self, firing: Firing, reason: str) -> None:
        if firing.fate is not None:
            firing.fate.lost(self._camera_id, reason)
        self._listener.lost(self._camera_id, reason)


def _frame_of(picture: Picture, camera_id: str, kind: TriggerKind) -> Frame:
    # The shutter was open a moment ago; all clocks are put back by that.
    ago_s = max(0.0, time.monotonic() - picture.captured_s)
    boot_id, boot_s = boot_clock()
    return Frame(
        new_frame_id(),
        camera_id,
        datetime.now(UTC) - timedelta(seconds=ago_s),
        kind,
        picture.image,
        picture.media_type,
        picture.label,
        picture.face,
        boot_id,
        boot_s - ago_s,
    )
