"""The gateway as the edge sees it: one request that delivers a frame, version 1 of the HTTP contract."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from edge.camera import Frame
from edge.errors import KeyRefused, KeyUnusable, NotDelivered, Refused, TryLater
from edge.listener import Event
from edge.spans import head_keeps, trace_of, upload_span
from edge.upload.backoff import retry_after_s
from edge.upload.bandwidth import Bucket, paced
from edge.upload.clock import ClusterClock
from edge.upload.connection import Answer, Connection, problem

LASTING = frozenset({400, 409, 413, 415, 422})
KEY = frozenset({401, 403})
_TOO_LARGE = 413
_OK = 200
_REDIRECTS = range(300, 400)
_LONGEST_UNCERTAINTY_S = 5.0
LONGEST_OFFSET_S = 10 * 365 * 86_400.0
"""The gateway refuses a frame whose clock is said to be further off."""


class Gateway:
    """Delivers frames over one connection that is kept open.

    `read_key` is asked for every frame, so that a key repaired in its file works without a restart. What the
    connection hears of the cluster's time, `cluster_clock` learns. `traced`: the share of traces that are kept.
    """

    def __init__(
        self,
        connection: Connection,
        read_key: Callable[[], str],
        *,
        cluster_clock: ClusterClock | None = None,
        bytes_per_second: int | None = None,
        traced: float = 1.0,
    ) -> None:
        self._connection = connection
        self._traced = traced
        self._read_key = read_key
        self._clock = cluster_clock or ClusterClock()
        self._bucket = bytes_per_second and Bucket(bytes_per_second, time.monotonic())

    def close(self) -> None:
        """End now; a frame on its way stays where it came from."""
        self._connection.close()

    def connect(self) -> bool:
        """Open the connection ahead of the first frame; return whether anybody answered."""
        try:
            self._learn_time(self._connection.ask("GET", "/api/health", {}))
        except TryLater:
            return False
        return True

    def post(self, frame: Frame) -> Event:
        """Deliver a frame and return the event it became. Raises Refused, KeyRefused, TryLater.

        A frame whose answer was lost may be posted again: the gateway gives the same event for the same id.
        """
        headers = self._headers(frame)
        answer = self._connection.ask("POST", "/api/v1/frames", headers, lambda: self._content(frame.image))
        if answer.status != _OK:
            raise _failure(answer)
        event = _event(answer, frame.frame_id)
        self._learn_time(answer)
        return event

    def _headers(self, frame: Frame) -> dict[str, str]:
        try:
            key = self._read_key()
        except KeyUnusable as error:
            raise KeyRefused(problem("no usable key", str(error))) from error
        headers = {
            "X-API-Key": key,
            "Idempotency-Key": frame.frame_id,
            "X-Camera-Id": frame.camera_id,
            "X-Captured-At": frame.captured_at.isoformat().replace("+00:00", "Z"),
            "X-Trigger": frame.trigger,
            "traceparent": traceparent(frame.frame_id, self._traced),
            "Content-Type": frame.media_type,
            # Without it a body sent in pieces would be chunked.
            "Content-Length": str(len(frame.image)),
        }
        offset = self._offset(frame)
        return headers if offset is None else headers | {"X-Clock-Offset": offset}

    def _offset(self, frame: Frame) -> str | None:
        """Return what the gateway adds to X-Captured-At, in seconds, where it is known to better its clock."""
        known = self._clock.correction_s(frame)
        if known is None:
            return None
        offset_s, uncertainty_s = known
        tells = uncertainty_s < _LONGEST_UNCERTAINTY_S and uncertainty_s < abs(offset_s) <= LONGEST_OFFSET_S
        return f"{offset_s:.3f}" if tells else None

    def _content(self, image: bytes) -> bytes | Iterable[bytes]:
        return paced(image, self._bucket, time.monotonic, self._sleep) if self._bucket else image

    def _sleep(self, seconds: float) -> None:
        if self._connection.closing.wait(seconds):
            raise TryLater(problem("no answer", "the connection is closed"))

    def _learn_time(self, answer: Answer) -> None:
        # A stranger's page has a date too.
        if answer.status == _OK and isinstance(answer.json, dict):
            self._clock.heard_date(answer.headers.get("Date"), answer.sent_s, answer.heard_s)


def traceparent(frame_id: str, share: float = 1.0) -> str:
    """Return a W3C trace context; `share` of the traces are said to be kept, 0 to 1.

    The frame id is the trace id, so all tries of a frame are one trace, below one span of the upload.
    """
    flags = "01" if head_keeps(frame_id, share) else "00"
    return f"00-{trace_of(frame_id)}-{upload_span(frame_id)}-{flags}"


def _event(answer: Answer, frame_id: str) -> Event:
    """A hotspot's sign-in page answers 200 too; only an event of this very frame proves that it arrived."""
    body = answer.json
    if not isinstance(body, dict) or "id" not in body or body.get("frame_id") != frame_id:
        raise TryLater(problem("the answer is not the event of this frame", answer.quote, answer.status))
    return body


def _failure(answer: Answer) -> NotDelivered:
    if answer.status in _REDIRECTS:
        there = answer.headers.get("Location", "nowhere")[:200]
        return TryLater(
            problem("the gateway is elsewhere", f"it names {there} ; if that is right, set gateway.url", answer.status)
        )
    body = answer.json
    told = problem(answer.reason or "no reason given", answer.quote, answer.status)
    if isinstance(body, dict):
        told |= body | {"status": answer.status}
    if answer.status in KEY:
        return KeyRefused(told)
    if answer.status in LASTING and (answer.status == _TOO_LARGE or not _is_page(answer)):
        return Refused(told)
    return TryLater(told, retry_after_s(answer.headers.get("Retry-After"), datetime.now(UTC)))


def _is_page(answer: Answer) -> bool:
    """Whether somebody between us and the gateway answered: it speaks JSON."""
    return "html" in answer.headers.get("Content-Type", "").lower()
