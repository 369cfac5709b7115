from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.security.api_keys import Scope
from samples.frames import PHOTOS

EVENTS = "/api/v1/events"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RESIDENT = (PHOTOS / "resident-1.jpg").read_bytes()
STRANGER = (PHOTOS / "stranger-1.jpg").read_bytes()


def post(client: Any, frame: str, image: bytes = RESIDENT, camera: str = "front-door", hours: int = 0) -> Any:
    captured = (NOW - timedelta(hours=hours)).isoformat()
    headers = {"X-Camera-Id": camera, "Idempotency-Key": frame, "X-Captured-At": captured}
    return client.post("/api/v1/frames", content=image, headers=headers).json()


@pytest.fixture
def client(door: Any) -> Any:
    return door.client(Scope.ADMIN)


def listed(client: Any, **wanted: Any) -> list[str]:
    answer = client.get(EVENTS, params=wanted)
    assert answer.status_code == 200, answer.text
    return [event["frame_id"] for event in answer.json()["events"]]


def test_an_event_is_listed_and_read_as_it_was_answered(client: Any) -> None:
    answered = post(client, "frame-1")
    del answered["replayed"]

    assert client.get(EVENTS).json() == {"events": [answered], "next_cursor": None}
    assert client.get(f"{EVENTS}/{answered['id']}").json() == answered


def test_events_are_filtered(client: Any) -> None:
    client.post("/api/v1/recognition/faces", params={"subject": "Resident"}, content=RESIDENT)
    known = post(client, "a", hours=2)
    post(client, "b", STRANGER, camera="back-door", hours=1)
    post(client, "c", STRANGER)

    assert listed(client) == ["c", "b", "a"]
    assert listed(client, verdict="unknown") == ["c", "b"]
    assert listed(client, camera="back-door", verdict="unknown") == ["b"]
    assert listed(client, person=known["faces"][0]["person"]["id"]) == ["a"]
    assert listed(client, since="2026-03-01T11:00:00Z") == ["c", "b"]
    assert listed(client, until="2026-03-01T13:00:00+02:00") == ["a"]


def test_the_cursor_leads_through_all_events_once(client: Any) -> None:
    for number in range(5):
        post(client, f"frame-{number}", STRANGER)

    seen, cursor = [], {}
    while True:
        page = client.get(EVENTS, params={"limit": 2} | cursor).json()
        seen += [event["frame_id"] for event in page["events"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert seen == [f"frame-{number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    "wanted",
    [
        {"limit": 0},
        {"limit": 501},
        {"cursor": "x"},
        {"cursor": "9" * 19},
        {"verdict": "friendly"},
        {"camera": "a/b"},
        {"since": "2026-03-01"},
        {"since": "2026-03-01T12:00:00"},
        {"until": "9999-12-31T23:59:59-05:00"},
        {"person": "x" * 37},
        {"camra": "front-door"},
    ],
)
def test_a_filter_out_of_its_form_is_refused(client: Any, wanted: dict[str, Any]) -> None:
    assert client.get(EVENTS, params=wanted).status_code == 422


class Stream:
    """What an open event stream sends, as blocks of lines; `gone` is set when the client hangs up."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def block(self) -> str:
        message = await asyncio.wait_for(self.sent.get(), 20)
        return message.get("body", b"").decode() if "body" in message else str(message["status"])

    async def event(self) -> dict[str, Any]:
        """The next event's data."""
        return json.loads((await self.block()).split("data: ", 1)[1])


@asynccontextmanager
async def stream(app: Any, key: str, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    """An open stream, as a server would run it."""
    given = {"x-api-key": key} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {"type": "http", "method": "GET", "path": f"{EVENTS}/stream", "query_string": query.encode()}
    scope |= {"headers": [(name.encode(), value.encode()) for name, value in given.items()], "http_version": "1.1"}
    opened = Stream()
    running = asyncio.create_task(app(scope | {"scheme": "http"}, opened.receive, opened.sent.put))
    try:
        yield opened
    finally:
        opened.gone.set()
        await asyncio.wait_for(running, 20)


def test_a_stream_tells_events_as_they_happen_and_none_from_before(door: Any, client: Any) -> None:
    post(client, "before", STRANGER)

    async def follow() -> list[Any]:
        async with stream(door.app, door.key(Scope.EVENTS)) as opened:
            told = [await opened.block(), await opened.block()]
            posted = await asyncio.to_thread(post, client, "now", STRANGER)
            return [*told, await opened.event(), posted]

    status, hello, told, posted = asyncio.run(follow())
    assert (status, hello) == ("200", ": connected\n\n")
    assert told == {name: value for name, value in posted.items() if name != "replayed"}


def test_a_stream_goes_on_behind_the_last_event_that_was_seen(door: Any, client: Any) -> None:
    for number in range(3):
        post(client, f"frame-{number}", STRANGER)
    first = door.parts.events.last_seq() - 2

    async def follow() -> list[str]:
        async with stream(door.app, door.key(Scope.EVENTS), last_event_id=str(first)) as opened:
            _, _, *blocks = [await opened.block() for _ in range(4)]
            return blocks

    blocks = asyncio.run(follow())
    assert [block.split("\n")[0] for block in blocks] == [f"id: {first + 1}", f"id: {first + 2}"]
    assert all(block.split("\n")[1] == "event: event" and block.endswith("\n\n") for block in blocks)


def test_a_stream_tells_only_what_was_asked_for(door: Any, client: Any) -> None:
    async def follow() -> dict[str, Any]:
        async with stream(door.app, door.key(Scope.EVENTS), "camera=back-door") as opened:
            await opened.block(), await opened.block()
            await asyncio.to_thread(post, client, "front", STRANGER)
            await asyncio.to_thread(post, client, "back", STRANGER, "back-door")
            return await opened.event()

    assert asyncio.run(follow())["frame_id"] == "back"


def test_a_stream_ends_when_its_key_is_revoked(door: Any) -> None:
    key = door.key(Scope.EVENTS)

    async def follow() -> str:
        async with stream(door.app, key) as opened:
            await opened.block(), await opened.block()
            door.keys.revoke(key.split("_")[1], NOW)
            return await opened.block()

    assert asyncio.run(follow()).startswith("event: end\n")


def test_streams_are_bounded_and_one_that_ends_frees_its_place(door: Any) -> None:
    app, key = door.app, door.key(Scope.EVENTS)

    async def opened_status() -> str:
        async with stream(app, key) as opened:
            return await opened.block()

    async def follow() -> list[str]:
        async with stream(app, key) as first, stream(app, key) as second:
            for each in (first, second):
                await each.block(), await each.block()
            third = await opened_status()
        return [third, await opened_status(), await opened_status()]

    assert asyncio.run(follow()) == ["429", "200", "200"]
