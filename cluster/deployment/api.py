"""The application's API, as a rollout asks it: with an admin's key, by its public address."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from cluster.deployment.golden import GoldenSet
from cluster.deployment.replay import image_path
from cluster.deployment.running import ApplicationError
from cluster.deployment.validate import Answer, Tried

AT_ONCE = 8
"""Golden frames in one request."""

PUBLIC_SECONDS = 10.0
PUBLIC_TRIES = 3
"""In a row, as there may be several gateways."""


class Api:
    """`client` has an admin's key; `golden` opens the golden frames, and is called when they are needed.

    Every method raises ApplicationError when the application does not answer as it should, and GoldenError.
    """

    def __init__(self, client: httpx.Client, golden: Callable[[], GoldenSet]) -> None:
        self._client = client
        self.golden = golden

    def asked(self, method: str, path: str, **options: Any) -> Any:
        """The answer's JSON; `options` are httpx's."""
        return self._answer(method, path, **options).json()

    def picture(self, event_id: str) -> bytes:
        """A recent frame."""
        return self._answer("GET", image_path(event_id)).content

    def newest_cameras(self) -> Counter[str]:
        """How many of the newest events each camera has."""
        newest = self.asked("GET", "/api/v1/events", params={"limit": 500})
        return Counter(event["camera_id"] for event in newest["events"])

    def answering(self, release: str) -> str:
        """The release that recognizes a golden frame at the public address, where nobody is told of it.

        `release` as soon as it does so several times, as gateways take new weights one after the other; another one
        when it still does so at the end of the time.
        """
        self.asked("GET", "/api/ready")
        golden = self.golden()
        image = golden.read(golden.golden.frames[0].file)
        ends, right = time.monotonic() + PUBLIC_SECONDS, 0
        while True:
            answered = str(self.asked("POST", "/api/v1/releases/answer", content=image)["release"])
            right = right + 1 if answered == release else 0
            if right >= PUBLIC_TRIES or (answered != release and time.monotonic() > ends):
                return answered

    def tried(self, application: str) -> Tried:
        """Every golden frame once through a recognizer, with or without traffic."""
        answers: list[Answer] = []
        memory: dict[int, list[int]] = {}
        unusable: list[str] = []
        golden = self.golden()
        frames, people = golden.golden.frames, golden.people()
        path = f"/api/v1/releases/{application}/trial"
        for first in range(0, len(frames), AT_ONCE):
            part = frames[first : first + AT_ONCE]
            content = {"people": people, "frames": [golden.encoded(frame.file) for frame in part]}
            found = self.asked("POST", path, json=content)
            unusable = found["unusable"]
            memory.setdefault(found["pid"], []).append(found["resident_bytes"])
            for frame, each in zip(part, found["frames"], strict=True):
                said = _said(each["verdict"], each["who"])
                answers.append(Answer(frame.file, _said(frame.verdict, frame.who), said, each["milliseconds"]))
        return Tried(answers, memory, unusable, golden.name)

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **options)
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise ApplicationError(f"{path} answered {error.response.status_code}: {_detail(error.response)}") from None
        except httpx.HTTPError as error:
            raise ApplicationError(f"{self._client.base_url} does not answer: {error}") from None
        return answer


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]


def _said(verdict: str, who: Any) -> str:
    return f"{verdict} ({', '.join(sorted(who))})" if who else str(verdict)
