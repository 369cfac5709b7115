"""Cameras as closed loops: each posts its next frame over a kept connection when the last one was answered."""

from __future__ import annotations

import http.client
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

REQUEST_SECONDS = 30.0
RETRY_SECONDS = 0.1
"""Between a refusal and the next try; the answer asks for more patience than that."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`sent_at` in monotonic seconds; `milliseconds` from the first byte sent to the last one read.

    `status` is HTTP's, or the name of what kept an answer from coming.
    """

    camera: int
    sent_at: float
    milliseconds: float
    status: str

    @property
    def ended_at(self) -> float:
        """When the last byte was read, in monotonic seconds."""
        return self.sent_at + self.milliseconds / 1000


def start(
    address: tuple[str, str],
    images: Sequence[bytes],
    cameras: int,
    more: Callable[[], bool],
    hear: Callable[[Answer], None],
) -> list[threading.Thread]:
    """So many cameras, each of which asks `more` before every frame and tells `hear` of every answer.

    `address` is a URL and a key. Both functions are called from every camera's thread.
    """
    threads = [
        threading.Thread(target=_post, args=(address, images, number, more, hear), name=f"camera-{number}", daemon=True)
        for number in range(cameras)
    ]
    for thread in threads:
        thread.start()
    return threads


def _post(
    address: tuple[str, str],
    images: Sequence[bytes],
    number: int,
    more: Callable[[], bool],
    hear: Callable[[Answer], None],
) -> None:
    """One camera. Raises nothing: a lost connection is an answer, and is opened again."""
    place = urlsplit(address[0])
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=REQUEST_SECONDS)
    headers = {"X-API-Key": address[1], "X-Camera-Id": f"camera-{number}", "Content-Type": "image/jpeg"}
    at = number
    while more():
        body, sent_at = images[at % len(images)], time.monotonic()
        try:
            connection.request("POST", "/api/v1/frames", body, headers | {"Idempotency-Key": str(uuid.uuid4())})
            answer = connection.getresponse()
            answer.read()
            status = str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            status = type(error).__name__
        hear(Answer(number, sent_at, (time.monotonic() - sent_at) * 1000, status))
        at += 1
        if status != "200":
            time.sleep(RETRY_SECONDS)
    connection.close()
