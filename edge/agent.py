"""Trigger, capture, spool, upload: the whole box."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import structlog

from edge.camera import Camera
from edge.door import Door
from edge.listener import Listener
from edge.spool import Spool
from edge.trigger import Firing, Trigger
from edge.uploader import Uploader

log = structlog.get_logger(__name__)


class Agent:
    """Listens to the triggers in the calling thread; each camera and the upload have a thread of their own.

    So a dead network delays no picture, and a camera that hangs delays no other one. With `one_by_one` a picture
    waits until the frame before it is off the spool, and the first one for the connection: for replays, where the
    time to the answer is to be seen and not the time in the queue.
    """

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        trigger: Trigger,
        uploader: Uploader,
        listener: Listener,
        *,
        one_by_one: bool = False,
    ) -> None:
        """Wire the parts; the spool is the uploader's. Raises CameraIdInvalid."""
        self._spool: Spool = uploader.spool
        self._doors = {name: Door(name, camera, self._spool, listener) for name, camera in cameras.items()}
        self._trigger = trigger
        self._uploader = uploader
        self._one_by_one = one_by_one
        self._stop = Event()
        self._captured_all = Event()

    def run(self) -> None:
        """Work until `stop`, or until the triggers have ended and every frame is off the spool.

        Raises SpoolUnusable, TriggerUnusable, and what a listener raises.
        """
        with ThreadPoolExecutor(1 + len(self._doors), "edge") as threads:
            connected = threads.submit(self._uploader.connect)
            if self._one_by_one:
                connected.result()
            upload = threads.submit(self._upload)
            doors = [threads.submit(door.work) for door in self._doors.values()]
            for thread in (upload, *doors):
                thread.add_done_callback(lambda ended: self.stop() if ended.exception() else None)
            upload.add_done_callback(lambda _: self.stop())
            try:
                self._listen()
            finally:
                for door in self._doors.values():
                    door.close(at_once=self._stop.is_set())
                for thread in doors:
                    thread.exception()
                self._captured_all.set()
                self._spool.wake()
            for thread in (*doors, upload):
                thread.result()

    def stop(self) -> None:
        """End after the frame in hand; what waits in the spool stays there. Never call it in a signal handler."""
        self._stop.set()
        self._spool.wake()

    def stuck_s(self) -> float:
        """How long the slowest camera has been busy with one firing, in seconds; 0 when none is."""
        busy = [since for door in self._doors.values() if (since := door.busy_since) is not None]
        return time.monotonic() - min(busy) if busy else 0.0

    def _listen(self) -> None:
        for firing in self._trigger.firings(self._stop):
            self._fire(firing)
            if self._one_by_one:
                self._spool.wait_until(lambda: self._stop.is_set() or self._idle())
            if self._stop.is_set():
                return

    def _fire(self, firing: Firing) -> None:
        for name in firing.cameras or self._doors:
            self._doors[name].fire(firing)

    def _idle(self) -> bool:
        return not len(self._spool) and not any(door.pending for door in self._doors.values())

    def _upload(self) -> None:
        while not self._stop.is_set():
            last_round = self._captured_all.is_set()
            self._uploader.drain(self._stop)
            if last_round or self._uploader.gave_up:
                return
            self._spool.wait_until(lambda: self._stop.is_set() or self._captured_all.is_set() or len(self._spool) > 0)
