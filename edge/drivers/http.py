"""A trigger for programs on the same box: `POST /trigger`, answered when the frames are on disk."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from queue import Empty, Full, Queue
from threading import Condition, Event, Lock, Thread
from typing import Any

from edge.drivers.http_door import STOP_CHECK_S, Door, Reply
from edge.errors import TriggerUnusable
from edge.trigger import Firing

_LONGEST_ANSWER_S = 10.0
_QUEUE = 16


class Answer:
    """Waits for what became of one firing, camera by camera; a Fate."""

    def __init__(self, cameras: Sequence[str]) -> None:
        self._open = set(cameras)
        self._frames: list[dict[str, str]] = []
        self._lost: list[dict[str, str]] = []
        self._told = Condition()

    def taken(self, camera_id: str, frame_id: str) -> None:
        with self._told:
            if camera_id in self._open:
                self._frames.append({"camera": camera_id, "frame_id": frame_id})
            self._settle(camera_id)

    def lost(self, camera_id: str, reason: str) -> None:
        with self._told:
            if camera_id in self._open:
                self._lost.append({"camera": camera_id, "reason": reason})
            self._settle(camera_id)

    def give_up(self, reason: str) -> None:
        """Count every camera that has not been heard of as lost."""
        for camera in tuple(self._open):
            self.lost(camera, reason)

    def reply(self, timeout_s: float) -> Reply:
        """Wait. Return 200 when each camera's frame is on disk, 503 when one is lost, 504 when it takes too long."""
        with self._told:
            complete = self._told.wait_for(lambda: not self._open, timeout_s)
            content: dict[str, Any] = {"frames": list(self._frames)}
            if self._lost:
                content["lost"] = list(self._lost)
            if not complete:
                return 504, {**content, "title": f"no word of {', '.join(sorted(self._open))} in {timeout_s:g} s"}
            return (503, {**content, "title": "not every frame was taken"}) if self._lost else (200, content)

    def _settle(self, camera_id: str) -> None:
        self._open.discard(camera_id)
        self._told.notify_all()


class HttpTrigger:
    """Listens on 127.0.0.1 and fires the cameras it was given, or the one that `?camera=ID` names.

    The answer 200 names every frame, and each of them is on disk then: whoever got it may count on an event.
    """

    def __init__(self, port: int, cameras: Sequence[str], *, longest_answer_s: float = _LONGEST_ANSWER_S) -> None:
        """Take the port, 0 for any that is free. Raises TriggerUnusable."""
        self._cameras = tuple(cameras)
        self._longest_answer_s = longest_answer_s
        self._firings: Queue[Firing] = Queue(_QUEUE)
        self._waiting: set[Answer] = set()
        self._guard = Lock()
        self._closed = False
        self._thread: Thread | None = None
        try:
            self._door = Door(port, self._fire)
        except OSError as error:
            raise TriggerUnusable(
                f"the http trigger cannot listen on 127.0.0.1:{port}: {error.strerror}", "give it another port"
            ) from error

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._door.server_port

    def firings(self, stop: Event) -> Iterator[Firing]:
        with self._guard:
            if self._closed:
                return
            self._thread = Thread(target=self._serve, name="http-trigger", daemon=True)
            self._thread.start()
        while not stop.is_set():
            try:
                yield self._firings.get(timeout=STOP_CHECK_S)
            except Empty:
                continue

    def close(self) -> None:
        with self._guard:
            self._closed = True
            waiting = tuple(self._waiting)
        for answer in waiting:
            answer.give_up("the box stops")
        if self._thread is not None:
            self._thread.join()
        self._door.server_close()

    def _serve(self) -> None:
        # Not serve_forever, whose shutdown waits for ever when it comes before the first round.
        while not self._closed:
            self._door.handle_request()

    def _fire(self, camera: str | None) -> Reply:
        """Return status and content of the answer, called in the thread of one request."""
        at_s = time.monotonic()
        if camera is not None and camera not in self._cameras:
            return 404, {"title": f"no camera {camera[:80]!r} here", "cameras": list(self._cameras)}
        cameras = self._cameras if camera is None else (camera,)
        answer = Answer(cameras)
        with self._guard:
            if self._closed:
                return 503, {"title": "the box stops"}
            self._waiting.add(answer)
        try:
            self._firings.put_nowait(Firing("manual", at_s, cameras, answer))
            return answer.reply(self._longest_answer_s)
        except Full:
            return 503, {"title": "too many wait already"}
        finally:
            with self._guard:
                self._waiting.discard(answer)
