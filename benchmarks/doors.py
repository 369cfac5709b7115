"""Doors whose frames have known answers, posting at a steady pace while something happens to the cluster."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from samples.frames import FRAMES, SampleFrame

REQUEST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Posted:
    """A frame that was posted. `sent_at` and `ended_at` in monotonic seconds.

    `failed` is the status or the error of what is no answer, then `release` is empty; `right` when verdict and names
    are the expected ones.
    """

    sent_at: float
    ended_at: float
    release: str
    right: bool
    failed: str = ""

    @property
    def milliseconds(self) -> float:
        """From the first byte sent to the last one read."""
        return (self.ended_at - self.sent_at) * 1000


@dataclass(slots=True)
class Doors:
    """What was heard so far; safe to read while doors post."""

    heard: list[Posted] = field(default_factory=list)

    def since(self, moment: float) -> list[Posted]:
        """Of the frames that were sent from then on, those that have ended."""
        return [posted for posted in list(self.heard) if posted.sent_at >= moment]


@contextmanager
def posting(address: tuple[str, str], images: Sequence[bytes], doors: int, every: float) -> Iterator[Doors]:
    """So many doors, each with a frame `every` so many seconds, or when its last one was answered if that is later.

    `address` is a URL and a key; `images` are FRAMES in their order.
    """
    seen, ended = Doors(), threading.Event()
    threads = [
        threading.Thread(target=_post, args=(address, images, number, every, ended, seen), name=f"door-{number}")
        for number in range(doors)
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _post(
    address: tuple[str, str], images: Sequence[bytes], number: int, every: float, ended: threading.Event, seen: Doors
) -> None:
    place = urlsplit(address[0])
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=REQUEST_SECONDS)
    headers = {"X-API-Key": address[1], "X-Camera-Id": f"door-{number}", "Content-Type": "image/jpeg"}
    at = number
    while not ended.is_set():
        begun, which = time.monotonic(), at % len(images)
        seen.heard.append(posted(connection, images[which], FRAMES[which], headers))
        at += 1
        ended.wait(max(0.0, begun + every - time.monotonic()))
    connection.close()


def posted(
    connection: http.client.HTTPConnection, image: bytes, expected: SampleFrame, headers: dict[str, str]
) -> Posted:
    """A frame on this connection, which is closed when that fails: the next one opens it again."""
    sent_at = time.monotonic()
    try:
        connection.request("POST", "/api/v1/frames", image, headers | {"Idempotency-Key": str(uuid.uuid4())})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return Posted(sent_at, time.monotonic(), "", right=False, failed=f"{type(error).__name__}: {error}")
    ended_at = time.monotonic()
    if answer.status != 200:
        text = body[:200].decode(errors="replace")
        return Posted(sent_at, ended_at, "", right=False, failed=f"{answer.status} {text}")
    said = json.loads(body)
    return Posted(sent_at, ended_at, said["release"], right=_said(said) == (expected.verdict, sorted(expected.who)))


def _said(answer: dict[str, Any]) -> tuple[str, list[str]]:
    return answer["verdict"], sorted(face["person"]["name"] for face in answer["faces"] if face["person"])
