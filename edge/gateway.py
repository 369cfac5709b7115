"""The gateway as the edge sees it: one request that delivers a frame, version 1 of the HTTP contract."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from edge.address import checked_url
from edge.backoff import retry_after_s
from edge.camera import Frame
from edge.errors import KeyRefused, KeyUnusable, NotDelivered, Problem, Refused, TryLater

Event = dict[str, Any]

LASTING = frozenset({400, 409, 413, 415, 422})
KEY = frozenset({401, 403})
_IDLE_CONNECTION_S = 300.0
_QUOTED_CHARACTERS = 200


class Gateway:
    """Delivers frames over one connection that is kept open.

    `read_key` is asked for every frame, so that a key repaired in its file works without a restart.
    """

    def __init__(
        self,
        url: str,
        read_key: Callable[[], str],
        *,
        timeout_s: float = 10.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._read_key = read_key
        self._client = httpx.Client(
            base_url=checked_url(url),
            timeout=timeout_s,
            transport=transport,
            limits=httpx.Limits(keepalive_expiry=_IDLE_CONNECTION_S),
        )

    def close(self) -> None:
        self._client.close()

    def connect(self) -> bool:
        """Open the connection ahead of the first frame; return whether anybody answered."""
        try:
            self._client.get("/api/health")
        except httpx.RequestError:
            return False
        return True

    def post(self, frame: Frame) -> Event:
        """Deliver a frame and return the event it became. Raises Refused, KeyRefused, TryLater.

        A frame whose answer was lost may be posted again: the gateway gives the same event for the same id.
        """
        try:
            response = self._client.post("/api/v1/frames", content=frame.image, headers=self._headers(frame))
        except httpx.RequestError as error:
            raise TryLater(_problem("no answer", f"{type(error).__name__}: {error}")) from error
        if response.status_code != httpx.codes.OK:
            raise _failure(response)
        return _event(response, frame.frame_id)

    def _headers(self, frame: Frame) -> dict[str, str]:
        try:
            key = self._read_key()
        except KeyUnusable as error:
            raise KeyRefused(_problem("no usable key", str(error))) from error
        return {
            "X-API-Key": key,
            "Idempotency-Key": frame.frame_id,
            "X-Camera-Id": frame.camera_id,
            "X-Captured-At": frame.captured_at.isoformat().replace("+00:00", "Z"),
            "X-Trigger": frame.trigger,
            "traceparent": traceparent(frame.frame_id),
            "Content-Type": frame.media_type,
        }


def traceparent(frame_id: str) -> str:
    """Return a W3C trace context. The frame id is the trace id, so all tries of a frame are one trace."""
    return f"00-{frame_id.replace('-', '')}-{secrets.token_hex(8)}-01"


def _event(response: httpx.Response, frame_id: str) -> Event:
    """A hotspot's sign-in page answers 200 too; only an event of this very frame proves that it arrived."""
    body = _json(response)
    if not isinstance(body, dict) or "id" not in body or body.get("frame_id") != frame_id:
        raise TryLater(_problem("the answer is not the event of this frame", _quote(response), response.status_code))
    return body


def _failure(response: httpx.Response) -> NotDelivered:
    problem = _problem(response.reason_phrase or "no reason given", _quote(response), response.status_code)
    body = _json(response)
    if isinstance(body, dict):
        problem |= body
    if response.status_code in LASTING:
        return Refused(problem)
    if response.status_code in KEY:
        return KeyRefused(problem)
    return TryLater(problem, retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC)))


def _problem(title: str, detail: str, status: int | None = None) -> Problem:
    problem: Problem = {"type": "about:blank", "title": title, "detail": detail}
    return problem if status is None else problem | {"status": status}


def _json(response: httpx.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None


def _quote(response: httpx.Response) -> str:
    return " ".join(response.text[:_QUOTED_CHARACTERS].split())
