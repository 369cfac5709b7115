"""Follows each posted frame from its request's first byte to its answer's last, and tells the listeners then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.monitoring.journey import Finished, Journey, begun
from serve_apps.api.trace import trace_id

PATH = "/api/v1/frames"
TRACEPARENT = b"traceparent"

JOURNEY = "doorbell.journey"
"""In the scope of a posted frame, for what answers outside of this middleware."""


class Journeys:
    """Around the application. The listeners are called when the whole answer has left."""

    def __init__(self, app: ASGIApp, finished: Sequence[Finished]) -> None:
        self._app = app
        self._finished = finished

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Anything but a posted frame goes straight on."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        with begun() as journey:
            journey.traceparent = valid_traceparent(scope)
            scope[JOURNEY] = journey
            told = False

            async def onward(message: Message) -> None:
                nonlocal told
                await send(message)
                if message["type"] == "http.response.start":
                    _answered(journey, message["status"])
                elif not message.get("more_body", False) and not told:
                    told = True
                    journey.finish(self._finished)

            try:
                await self._app(scope, receive, onward)
            except asyncio.CancelledError:
                # Serve ends what nobody waits for any more. Before the whole frame is there it is its sender who left.
                if all(stage.name != "admit" for stage in journey.stages):
                    journey.status, journey.error = "refused", "sender-gone"
                raise
            except Exception as error:
                journey.status, journey.error = "failed", journey.error or type(error).__name__
                raise
            finally:
                if not told:  # nothing was answered here: it failed in a way that the outermost layer answers
                    journey.finish(self._finished)


def _answered(journey: Journey, status: int) -> None:
    """A frame that has an event says itself what became of it."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        journey.status = "failed"
    elif status >= HTTPStatus.BAD_REQUEST:
        journey.status = "refused"
    if status >= HTTPStatus.BAD_REQUEST and journey.error is None:
        journey.error = str(status)


def valid_traceparent(scope: Scope) -> str | None:
    """The one that the request came with; one of several is none."""
    given = [value for name, value in scope["headers"] if name == TRACEPARENT]
    if len(given) != 1:
        return None
    text: str = given[0].decode("latin-1")
    return text if trace_id(text) is not None else None
