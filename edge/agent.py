"""Trigger, capture, spool, upload: the whole box."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import structlog

from edge.camera import Camera, Frame, checked_camera_id, new_frame_id
from edge.errors import Unusable
from edge.trigger import Trigger, TriggerKind
from edge.uploader import Uploader

log = structlog.get_logger(__name__)


class Agent:
    """Takes frames in the calling thread and uploads them in another one, so that a dead network delays no picture.

    With `one_by_one` a picture waits until the frame before it is off the spool, and the first one for the
    connection: for replays, where the time to the answer is to be seen and not the time in the queue.
    """

    def __init__(
        self, camera_id: str, trigger: Trigger, camera: Camera, uploader: Uploader, *, one_by_one: bool = False
    ) -> None:
        """Wire the parts; the spool is the uploader's. Raises CameraIdInvalid."""
        self._camera_id = checked_camera_id(camera_id)
        self._trigger = trigger
        self._camera = camera
        self._uploader = uploader
        self._spool = uploader.spool
        self._one_by_one = one_by_one
        self._stop = Event()
        self._captured_all = Event()

    def run(self) -> None:
        """Work until `stop`, or until the trigger has ended and every frame is off the spool. Raises SpoolUnusable."""
        with ThreadPoolExecutor(1, "upload") as thread:
            connected = thread.submit(self._uploader.connect)
            upload = thread.submit(self._upload)
            upload.add_done_callback(lambda _: self.stop())
            try:
                if self._one_by_one:
                    connected.result()
                self._capture_all()
            except BaseException:
                self.stop()
                raise
            finally:
                self._captured_all.set()
                self._spool.wake()
            upload.result()

    def stop(self) -> None:
        """End after the frame in hand; what waits in the spool stays there. Never call it in a signal handler."""
        self._stop.set()
        self._spool.wake()

    def _capture_all(self) -> None:
        for kind in self._trigger.firings(self._stop):
            try:
                self._take(kind)
            except Unusable as error:
                # The next visitor may have more luck: a full disk or a loose cable must not end the box.
                log.error("frame.lost", camera=self._camera_id, reason=str(error))
            if self._one_by_one:
                self._spool.wait_until(lambda: self._stop.is_set() or not len(self._spool))

    def _take(self, kind: TriggerKind) -> None:
        picture = self._camera.capture()
        captured_s = time.monotonic()
        frame = Frame(
            new_frame_id(),
            self._camera_id,
            datetime.now(UTC),
            kind,
            picture.image,
            picture.media_type,
            picture.label,
        )
        self._spool.take(frame, captured_s)
        log.info("frame.taken", frame_id=frame.frame_id, label=frame.label, bytes=len(frame.image), trigger=kind)

    def _upload(self) -> None:
        while not self._stop.is_set():
            last_round = self._captured_all.is_set()
            self._uploader.drain(self._stop)
            if last_round or self._uploader.gave_up:
                return
            self._spool.wait_until(lambda: self._stop.is_set() or self._captured_all.is_set() or len(self._spool) > 0)
