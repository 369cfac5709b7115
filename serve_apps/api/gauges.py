"""What a gateway shows of itself: requests under way, by where they wait, and who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from cluster.monitoring.meter import Meter
from cluster.monitoring.metrics import QUEUE, SESSIONS
from serve_apps.api.parts import Parts
from serve_apps.faces import Frame, Recognition


class Asked:
    """A recognizer, with how many questions it has not answered yet. Used by one event loop."""

    def __init__(self, recognize: Callable[[Frame, int], Awaitable[Recognition]]) -> None:
        self._recognize = recognize
        self.now = 0

    async def __call__(self, frame: Frame, gallery_version: int) -> Recognition:
        """Raises what the recognizer raises."""
        self.now += 1
        try:
            return await self._recognize(frame, gallery_version)
        finally:
            self.now -= 1


def show_gauges(meter: Meter, parts: Parts, asked: Asked) -> None:
    """Have these read at each export from now on."""
    meter.read(QUEUE, lambda: parts.waiting.now, "gateway")
    meter.read(QUEUE, lambda: asked.now, "recognizer")
    meter.read(QUEUE, lambda: queued(parts.pipeline.writer), "writer")
    meter.read(SESSIONS, lambda: parts.sessions.active() + parts.streams.now)


def queued(thread: ThreadPoolExecutor) -> int:
    """Calls that no thread has begun yet; the pool has no public word for it."""
    return thread._work_queue.qsize()
