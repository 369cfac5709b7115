"""Events: listed, one by one, and live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from cluster.security.api_keys import Scope
from serve_apps.api.auth import key_of, needs
from serve_apps.api.frames import CAMERA_ID, UtcDatetime, problems
from serve_apps.api.parts import Parts, off_loop, parts_of
from serve_apps.api.problems import Problem
from serve_apps.api.schemas import EventOut, EventsOut, event_out
from serve_apps.events.event import EventFilter
from serve_apps.faces import Verdict

POLL_SECONDS = 0.2
HEARTBEAT_SECONDS = 15.0
STREAM_PAGE = 100
SEQ = r"^[0-9]{1,18}$"

router = APIRouter(prefix="/api/v1/events", tags=["events"], dependencies=[Depends(needs(Scope.EVENTS))])


class Wanted(BaseModel):
    """The filters that listing and streaming share."""

    model_config = ConfigDict(extra="forbid")

    camera: Annotated[str | None, Query(pattern=CAMERA_ID)] = None
    verdict: Verdict | None = None
    person: Annotated[str | None, Query(max_length=36, description="A person's id.")] = None
    since: Annotated[UtcDatetime | None, Query(description="Captured at or after.")] = None
    until: Annotated[UtcDatetime | None, Query(description="Captured before.")] = None
    release: Annotated[str | None, Query(max_length=64, description="The release that decided.")] = None

    def filter(self) -> EventFilter:
        """In the store's words."""
        return EventFilter(self.camera, self.verdict, self.person, self.since, self.until, self.release)


class Page(Wanted):
    """Filters and where to go on."""

    limit: Annotated[int, Query(ge=1, le=500)] = 50
    cursor: Annotated[str | None, Query(pattern=SEQ, description="`next_cursor` of the page before.")] = None


@router.get("", responses=problems())
async def list_events(request: Request, page: Annotated[Page, Query()]) -> EventsOut:
    """Events, newest first."""
    parts = parts_of(request)
    before = int(page.cursor) if page.cursor else None
    query = partial(parts.events.newest_first, page.filter(), page.limit + 1, before)
    found = await off_loop(parts, query)
    shown = found[: page.limit]
    return EventsOut(
        events=[event_out(event) for event in shown],
        next_cursor=str(shown[-1].seq) if len(found) > page.limit else None,
    )


@router.get(
    "/stream",
    responses=problems(429) | {200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}},
    response_class=StreamingResponse,
)
async def stream_events(
    request: Request,
    wanted: Annotated[Wanted, Query()],
    last_event_id: Annotated[str | None, Header(pattern=SEQ)] = None,
) -> StreamingResponse:
    """Events as they happen, from now or from behind `Last-Event-ID`. Ends when the key is revoked."""
    parts = parts_of(request)
    with parts.streams.place():
        pass  # while a 429 can still be answered; a stream that never starts must not keep its place
    lines = _lines(request, parts, wanted.filter(), int(last_event_id) if last_event_id else None)

    async def stream() -> AsyncIterator[str]:
        with parts.streams.place():
            async for line in lines:
                yield line

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _lines(request: Request, parts: Parts, wanted: EventFilter, seq: int | None) -> AsyncIterator[str]:
    last = seq if seq is not None else await off_loop(parts, parts.events.last_seq)
    said_at = time.monotonic()
    yield ": connected\n\n"
    while not await request.is_disconnected():
        try:
            await key_of(request, request.headers.get("x-api-key"))
        except Problem:
            yield "event: end\ndata: the API key is no longer valid\n\n"
            return
        for event in await off_loop(parts, parts.events.after, wanted, last, STREAM_PAGE):
            last, said_at = event.seq, time.monotonic()
            yield f"id: {event.seq}\nevent: event\ndata: {event_out(event).model_dump_json()}\n\n"
        if time.monotonic() - said_at > HEARTBEAT_SECONDS:
            said_at = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(POLL_SECONDS)


@router.get("/{event_id}", responses=problems(404))
async def one_event(request: Request, event_id: str) -> EventOut:
    """One event by its id."""
    parts = parts_of(request)
    event = await off_loop(parts, parts.events.event, event_id)
    if event is None:
        raise Problem(404, "event-not-found", "no event has this id")
    return event_out(event)
