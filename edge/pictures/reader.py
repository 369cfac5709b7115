"""A thread that reads a camera all the time: its newest pictures are at hand, and its failures are known."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable
from contextlib import closing
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

import structlog

from edge.camera import CameraState
from edge.errors import CameraEnded, CameraFailed
from edge.pictures.condition import Condition as Sight
from edge.pictures.condition import condition_after, sample_of
from edge.pictures.shots import MOST_SHOTS, Shot, Shots, kept

if TYPE_CHECKING:
    from cv2.typing import MatLike

log = structlog.get_logger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
_SETTLED_S = 10.0
"""A camera that has worked for so long is well again; one that fails sooner goes on with longer pauses."""
_LOOK_EVERY_S = 1.0
"""How often a picture is decoded only to see whether the camera is black or frozen."""
_CLOSE_S, _EXIT_S = 1.0, 10.0
_INTERRUPT_EVERY_S = 0.25

T = TypeVar("T")


class PixelSource(Protocol):
    """An open camera. Only the reader's thread uses it."""

    def read(self) -> MatLike:
        """Wait for the next picture and return it, BGR. Raises CameraFailed, CameraEnded when none will ever come."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


@runtime_checkable
class LazySource(PixelSource, Protocol):
    """One that can pass a picture over without decoding it."""

    def grab(self) -> None:
        """Wait for the next picture. Raises like `read`."""
        ...

    def retrieve(self) -> MatLike:
        """Decode the grabbed picture. Raises CameraFailed."""
        ...


def pause_s(failures: int) -> float:
    """Return the wait before a camera is opened again after so many failures in a row, at least 1."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16))


class Reader:
    """Keeps the shots of the last `keep_s` seconds, opens the camera again when it fails, and knows its state.

    Whoever waits for pictures gets every one; else only `spacing_s` apart are they decoded, where the source allows.
    `measure` is called with each shot behind its arrival; `interrupt` wakes a driver that waits, so that it can end.
    """

    def __init__(
        self,
        camera_id: str,
        open_source: Callable[[], PixelSource],
        *,
        keep_s: float = 0.0,
        frozen_after_s: float | None = None,
        measure: Callable[[Shot], object] = lambda shot: None,
        interrupt: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state: CameraState = "starting"
        self.failure: CameraFailed | None = None
        self.restarts = 0
        self.shots: Shots = ()
        self._camera_id, self._open_source = camera_id, open_source
        self._keep_s = keep_s
        self._spacing_s = min(_LOOK_EVERY_S, keep_s / (MOST_SHOTS - 1)) if keep_s else _LOOK_EVERY_S
        self._frozen_after_s = frozen_after_s
        self._measure = measure
        self._interrupt, self._clock = interrupt, clock
        self._sight: Sight | None = None
        self._opened_s, self._waiting = float("inf"), 0
        self._changed = Condition()
        self._stop, self._hurry = Event(), Event()
        self._thread = Thread(target=self._run, name=f"camera {camera_id}", daemon=True)
        self._thread.start()
        # A thread that is still inside of a driver when the interpreter goes takes the whole process down with SIGABRT.
        atexit.register(self._exit)

    def wait_for(self, ready: Callable[[], T | None], patience_s: Callable[[], float]) -> T | None:
        """Return what `ready` gives as soon as it gives something, or None after `patience_s`, asked again and again.

        `ready` is called after every picture and every change of state.
        """
        began_s = time.monotonic()
        with self._changed:
            self._waiting += 1
            try:
                while (found := ready()) is None:
                    left_s = patience_s() - (time.monotonic() - began_s)
                    if left_s <= 0 or self._stop.is_set():
                        return None
                    self._changed.wait(left_s)
                return found
            finally:
                self._waiting -= 1

    def hurry(self) -> None:
        """Open a failed camera now, not after its pause."""
        if self.state == "failed":
            self._hurry.set()

    def close(self) -> None:
        """End the thread, within a second; one that hangs in a driver beyond that ends when the driver does."""
        self._stop.set()
        self._hurry.set()
        with self._changed:
            self._changed.notify_all()
        self._end(_CLOSE_S)
        if not self._thread.is_alive():
            atexit.unregister(self._exit)

    def _exit(self) -> None:
        self.close()
        self._end(_EXIT_S)

    def _end(self, within_s: float) -> None:
        end_s = time.monotonic() + within_s
        self._thread.join(_INTERRUPT_EVERY_S)
        # More than once: a driver may try something else when its first try was interrupted.
        while self._thread.is_alive() and time.monotonic() < end_s:
            self._interrupt()
            self._thread.join(_INTERRUPT_EVERY_S)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._hurry.clear()
            self._opened_s = float("inf")
            try:
                self._read_all()
            except CameraEnded as error:
                self._failed(error)
                return
            except CameraFailed as error:
                self._failed(error)
            except Exception as error:  # the outermost loop of this thread: a driver's fault must not end the camera
                log.exception("camera.driver_fault", camera=self._camera_id)
                self._failed(CameraFailed(f"{type(error).__name__} in the camera's driver", "see the log"))
            failures = 1 if self._clock() - self._opened_s >= _SETTLED_S else failures + 1
            if not self._stop.is_set():
                self._hurry.wait(pause_s(failures))

    def _read_all(self) -> None:
        with closing(self._open_source()) as source:
            self.shots, self._sight = (), None
            # Not before: a camera that takes long to say no has not worked for as long.
            self._opened_s = self._clock()
            if self.state == "failed":
                self.restarts += 1
            while not self._stop.is_set():
                self._read_one(source)

    def _read_one(self, source: PixelSource) -> None:
        if isinstance(source, LazySource):
            source.grab()
            at_s = self._clock()
            if not self._is_due(at_s):
                return
            pixels = source.retrieve()
        else:
            pixels = source.read()
            at_s = self._clock()
        shot = Shot(pixels, at_s)
        with self._changed:
            self.shots = kept((*self.shots, shot), self._keep_s)
            self._changed.notify_all()
        # Behind the notice: who waits for the picture need not wait for this.
        self._measure(shot)
        self._sight = condition_after(self._sight, sample_of(pixels), at_s, self._frozen_after_s)
        self._become(self._sight.sight, None)

    def _is_due(self, at_s: float) -> bool:
        # Pictures come a little early or late; half a millisecond must not cost every second one.
        return self._waiting > 0 or not self.shots or at_s - self.shots[-1].at_s >= self._spacing_s - 0.005

    def _failed(self, error: CameraFailed) -> None:
        if not self._stop.is_set():
            # Without its traceback, which would hold the pixels of the last picture.
            self._become("failed", CameraFailed(error.what, error.way_out))

    def _become(self, state: CameraState, failure: CameraFailed | None) -> None:
        if state == self.state and str(failure) == str(self.failure):
            return
        with self._changed:
            self.state, self.failure = state, failure
            self._changed.notify_all()
        if failure is None:
            line = log.info if state == "well" else log.warning
            line(f"camera.{state}", camera=self._camera_id, restarts=self.restarts)
        else:
            log.error("camera.failed", camera=self._camera_id, reason=str(failure))
