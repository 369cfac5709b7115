"""Frames posted at given moments, whether or not earlier ones were answered."""

from __future__ import annotations

import http.client
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.doors import REQUEST_SECONDS, posted
from samples.frames import FRAMES

CONNECTIONS = 60
"""Fewer than a gateway has places, so that what is refused is not of our making."""


@dataclass(frozen=True, slots=True)
class Answered:
    """When a frame was due and when it was answered, in seconds; `failed` says why it was not."""

    due: float
    ended: float
    failed: str

    @property
    def milliseconds(self) -> float:
        """From when it was due."""
        return (self.ended - self.due) * 1000


def post_at(
    moments: Sequence[float], address: tuple[str, str], images: Sequence[bytes], begun: float
) -> list[Answered]:
    """A frame at each moment (seconds after `begun`, monotonic), in order; returns when all have ended."""
    due: queue.SimpleQueue[tuple[int, float] | None] = queue.SimpleQueue()
    found: list[Answered] = []
    threads = [
        threading.Thread(target=_door, args=(number, due, address, images, begun, found), name=f"door-{number}")
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    try:
        for number, moment in enumerate(moments):
            time.sleep(max(0.0, begun + moment - time.monotonic()))
            due.put((number, moment))
    finally:  # also when a signal cuts it short: the process does not end before its threads have
        for _ in threads:
            due.put(None)
    for thread in threads:
        thread.join()
    return sorted(found, key=lambda answered: answered.due)


def _door(
    camera: int,
    due: queue.SimpleQueue[tuple[int, float] | None],
    address: tuple[str, str],
    images: Sequence[bytes],
    begun: float,
    found: list[Answered],
) -> None:
    place = urlsplit(address[0])
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=REQUEST_SECONDS)
    headers = {"X-API-Key": address[1], "X-Camera-Id": f"door-{camera}", "Content-Type": "image/jpeg"}
    while (task := due.get()) is not None:
        number, moment = task
        which = number % len(images)
        answer = posted(connection, images[which], FRAMES[which], headers)
        found.append(Answered(moment, answer.ended_at - begun, answer.failed))
    connection.close()
