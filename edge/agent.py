"""Trigger, capture, spool, upload: the whole box."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Event, Thread

from edge.camera import Camera
from edge.door import Door
from edge.listener import Listener
from edge.spool.queue import Spool
from edge.trigger import Firing, Trigger
from edge.upload.uploader import Uploader

_LAST_ANSWER_S = 1.0
"""How long a frame on its way may take when the box is stopped; then it is cut off, and stays in the spool."""


class _Worker(Thread):
    """A thread whose end is told, and its error kept. The end of the process waits for none."""

    def __init__(self, name: str, work: Callable[[], None], ended: Callable[[_Worker], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.error: BaseException | None = None
        self._work = work
        self._ended = ended

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.error = error
        finally:
            self._ended(self)


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
        self._connected = Event()
        self._captured_all = Event()

    def run(self) -> None:
        """Work until `stop`, or until the triggers have ended and every frame is off the spool.

        Raises SpoolUnusable, TriggerUnusable, and what a listener raises.
        """
        upload = _Worker("upload", self._upload, lambda _: self.stop())
        doors = [_Worker(f"camera-{name}", door.work, self._door_ended) for name, door in self._doors.items()]
        for worker in (upload, *doors):
            worker.start()
        ended_well = False
        try:
            self._listen()
            ended_well = True
        finally:
            for door in self._doors.values():
                door.close(at_once=self._stop.is_set())
            for worker in doors:
                worker.join()
            if not ended_well:
                # Nobody is heard any more: a start anew may help, and what waits is sent after it.
                self.stop()
            self._captured_all.set()
            self._spool.wake()
            self._join(upload)
        for worker in (*doors, upload):
            if worker.error is not None:
                raise worker.error

    def stop(self) -> None:
        """End after the frame in hand; what waits in the spool stays there. Never call it in a signal handler."""
        self._stop.set()
        self._connected.set()
        self._spool.wake()

    def stuck_s(self) -> float:
        """How long the slowest camera has been busy with one firing, in seconds; 0 when none is."""
        busy = [since for door in self._doors.values() if (since := door.busy_since) is not None]
        return time.monotonic() - min(busy) if busy else 0.0

    def _listen(self) -> None:
        if self._one_by_one:
            self._connected.wait()
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

    def _door_ended(self, worker: _Worker) -> None:
        if worker.error is not None:
            self.stop()

    def _join(self, upload: _Worker) -> None:
        while upload.is_alive() and not self._stop.is_set():
            upload.join(_LAST_ANSWER_S)
        upload.join(_LAST_ANSWER_S)
        if upload.is_alive():
            self._uploader.close()
            upload.join(_LAST_ANSWER_S)

    def _upload(self) -> None:
        self._uploader.connect()
        self._connected.set()
        while not self._stop.is_set():
            last_round = self._captured_all.is_set()
            self._uploader.drain(self._stop)
            if last_round or self._uploader.gave_up:
                return
            self._spool.wait_until(lambda: self._stop.is_set() or self._captured_all.is_set() or len(self._spool) > 0)
