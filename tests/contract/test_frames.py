from __future__ import annotations

import asyncio
import io
import os
import struct
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cluster.security.api_keys import Scope
from samples.frames import FRAMES, SampleFrame, at_door
from serve_apps.events.event import EventFilter

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADERS = {"x-camera-id": "front-door", "x-captured-at": "2026-03-01T11:59:58.5+00:00", "x-trigger": "button"}
SMALL = Image.effect_noise((160, 120), 60)
PERSON = at_door("resident-1.jpg")


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def events_of(door: Any) -> list[Any]:
    return door.parts.events.newest_first(EventFilter(), 100)


def post(client: Any, image: bytes, **headers: str) -> Any:
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/api/v1/frames", content=image, headers=HEADERS | changed)


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame.name)
def test_a_sample_frame_is_answered_with_who_is_there(door: Any, frame: SampleFrame, tmp_path: Path) -> None:
    door.enrol_samples()
    image = frame.write(tmp_path, 1).read_bytes()

    answer = post(door.client(Scope.FRAMES), image).json()

    assert answer["verdict"] == frame.verdict
    assert sorted(face["person"]["name"] for face in answer["faces"] if face["person"]) == sorted(frame.who)


def test_an_answer_has_the_documented_shape(door: Any) -> None:
    door.enrol_samples()

    answer = post(door.client(Scope.FRAMES), encoded(PERSON), idempotency_key="frame-1").json()

    event = {"id", "frame_id", "camera_id", "captured_at", "received_at", "trigger", "verdict", "release", "faces"}
    assert answer.keys() == event | {"replayed", "clock_skew_seconds", "clock_offset_seconds", "trace_id"}
    assert (answer["frame_id"], answer["camera_id"], answer["trigger"]) == ("frame-1", "front-door", "button")
    assert (answer["captured_at"], answer["received_at"]) == ("2026-03-01T11:59:58.500000Z", "2026-03-01T12:00:00Z")
    assert (answer["release"], answer["replayed"], answer["clock_skew_seconds"]) == ("release-1", False, None)
    (face,) = answer["faces"]
    assert face.keys() == {"box", "detection_score", "quality", "standing", "person", "distance", "margin"}
    assert face["box"].keys() == {"x", "y", "width", "height"}
    assert face["person"].keys() == {"id", "name"}
    assert face["standing"] == "known"


def test_the_event_is_there_when_the_answer_is(door: Any) -> None:
    answer = post(door.client(Scope.FRAMES), encoded(PERSON)).json()

    (event,) = events_of(door)
    assert event.id == answer["id"]
    assert door.outbox.count() == {"pending": 1}


def test_a_frame_posted_twice_makes_one_event_and_one_notice(door: Any) -> None:
    client, image = door.client(Scope.FRAMES), encoded(PERSON)
    captured = "2026-03-01T13:59:58.25+02:00"

    first = post(client, image, idempotency_key="frame-1", x_captured_at=captured)
    again = post(client, image, idempotency_key="frame-1", x_captured_at=captured)

    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json() | {"replayed": True}
    assert len(events_of(door)) == 1
    assert door.outbox.count() == {"pending": 1}


def test_a_frame_id_with_other_bytes_is_a_conflict(door: Any) -> None:
    client = door.client(Scope.FRAMES)
    post(client, encoded(PERSON), idempotency_key="frame-1")

    answer = post(client, encoded(SMALL), idempotency_key="frame-1")

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:doorbell:problem:frame-id-reused")
    assert len(events_of(door)) == 1


def test_frames_without_an_id_are_frames_of_their_own(door: Any) -> None:
    client, image = door.client(Scope.FRAMES), encoded(SMALL)

    answers = [post(client, image).json() for _ in range(2)]

    assert len({answer["frame_id"] for answer in answers}) == 2


def test_a_frame_needs_nothing_but_a_camera(door: Any) -> None:
    answer = door.client(Scope.FRAMES).post(
        "/api/v1/frames", content=encoded(SMALL), headers={"X-Camera-Id": "front-door"}
    )

    assert answer.status_code == 200
    assert answer.json()["trigger"] == "manual"
    assert answer.json()["captured_at"] == answer.json()["received_at"]


def test_a_deleted_person_is_not_recognized_by_the_next_frame(door: Any) -> None:
    door.enrol_samples()
    client, people = door.client(Scope.FRAMES), door.client(Scope.PEOPLE)
    assert post(client, encoded(PERSON)).json()["verdict"] == "known"

    people.delete("/api/v1/recognition/subjects/Resident")

    answer = post(client, encoded(PERSON)).json()
    assert answer["verdict"] == "unknown"
    assert answer["faces"][0]["person"] is None


def test_a_new_person_is_recognized_by_the_next_frame(door: Any) -> None:
    client = door.client(Scope.FRAMES)
    assert post(client, encoded(PERSON)).json()["verdict"] == "unknown"

    door.enrol_samples()

    assert post(client, encoded(PERSON)).json()["verdict"] == "known"


# Bad input: each gets its documented answer.


def huge_png(side: int = 30_000) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side * (side // 8 + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def animation() -> bytes:
    return encoded(SMALL.convert("RGB"), "WEBP", save_all=True, append_images=[Image.new("RGB", SMALL.size)])


REFUSED = {
    "empty": (lambda: b"", 422, "empty-body"),
    "truncated": (lambda: encoded(PERSON)[:-2000], 422, "truncated-image"),
    "text-named-jpg": (lambda: b"not an image at all", 415, "unsupported-image"),
    "thirty-thousand-squared": (huge_png, 422, "too-many-pixels"),
    "animated": (animation, 422, "animated-image"),
    "header-only": (lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF", 422, "undecodable-image"),
    "fifty-megabytes": (lambda: bytes(50_000_000), 413, "body-too-large"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_body_gets_its_documented_answer_and_makes_no_event(door: Any, name: str) -> None:
    make, status, kind = REFUSED[name]

    answer = post(door.client(Scope.FRAMES), make())

    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:doorbell:problem:{kind}")
    assert events_of(door) == []


TAKEN = {
    "html-behind": lambda: encoded(PERSON) + b"<html><script>alert(1)</script></html>",
    "sixteen-bit": lambda: encoded(Image.fromarray(np.array(PERSON.convert("L")).astype(np.uint16) * 257), "PNG"),
    "grey": lambda: encoded(PERSON.convert("L")),
    "cmyk": lambda: encoded(PERSON.convert("CMYK")),
    "alpha": lambda: encoded(PERSON.convert("RGBA"), "PNG"),
    "webp": lambda: encoded(PERSON, "WEBP"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_an_unusual_image_is_an_image(door: Any, name: str) -> None:
    answer = post(door.client(Scope.FRAMES), TAKEN[name]())

    assert answer.status_code == 200
    assert len(answer.json()["faces"]) == 1


def test_a_body_without_an_announced_length_is_read_only_up_to_the_limit(door: Any) -> None:
    sent = []

    async def endless() -> AsyncIterator[bytes]:
        while len(sent) < 1000:
            sent.append(1)
            yield bytes(1_000_000)

    answer = asyncio.run(posted(door, endless()))

    assert answer.status_code == 413
    assert len(sent) <= 12


async def posted(door: Any, body: AsyncIterator[bytes]) -> httpx.Response:
    transport = httpx.ASGITransport(door.app, raise_app_exceptions=False)
    headers = HEADERS | {"X-API-Key": door.key(Scope.FRAMES)}
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        return await client.post("/api/v1/frames", content=body, headers=headers)


def test_a_slow_sender_is_let_go_and_leaves_its_place(door: Any) -> None:
    slow = door.limited(body_seconds=0.05, waiting=1)

    async def drop_by_drop() -> AsyncIterator[bytes]:
        yield b"\xff\xd8\xff"
        await asyncio.sleep(60)
        yield b"never sent"

    answer = asyncio.run(posted(slow, drop_by_drop()))

    assert (answer.status_code, answer.json()["type"]) == (408, "urn:doorbell:problem:sender-too-slow")
    assert post(slow.client(Scope.FRAMES), encoded(SMALL)).status_code == 200


@pytest.mark.parametrize("announced", ["-1", "many", "1e9", "²"])
def test_a_length_that_is_no_number_costs_no_error(door: Any, announced: str) -> None:
    answer = post(door.client(Scope.FRAMES), encoded(SMALL), content_length=announced.encode())

    assert answer.status_code == 200


def test_a_capture_time_in_the_future_is_kept_and_the_skew_is_told(door: Any) -> None:
    client, image = door.client(Scope.FRAMES, Scope.EVENTS), encoded(SMALL)

    answer = post(client, image, x_captured_at=(NOW + timedelta(hours=2)).isoformat()).json()

    assert answer["captured_at"] == "2026-03-01T14:00:00Z"
    assert answer["clock_skew_seconds"] == 7200
    assert client.get(f"/api/v1/events/{answer['id']}").json()["clock_skew_seconds"] == 7200


def test_a_clock_that_is_a_little_ahead_is_no_news(door: Any) -> None:
    ahead = (NOW + timedelta(seconds=30)).isoformat()

    assert post(door.client(Scope.FRAMES), encoded(SMALL), x_captured_at=ahead).json()["clock_skew_seconds"] is None


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x_camera_id", "front/door"),
        ("x_camera_id", ""),
        ("x_camera_id", "x" * 65),
        ("x_camera_id", "../etc"),
        ("idempotency_key", "a b"),
        ("idempotency_key", "x" * 65),
        ("x_captured_at", "yesterday"),
        ("x_captured_at", "2026-03-01T12:00:00"),
        ("x_captured_at", "0001-01-01T00:00:00+05:00"),
        ("x_captured_at", "9999-12-31T23:59:59-05:00"),
        ("x_trigger", "doorbell"),
    ],
)
def test_a_header_out_of_its_form_is_named(door: Any, header: str, value: str) -> None:
    answer = post(door.client(Scope.FRAMES), encoded(SMALL), **{header: value})

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:doorbell:problem:invalid-request")
    assert header.replace("_", "-") in answer.json()["detail"].lower()
    assert events_of(door) == []


def test_unknown_headers_are_passed_over(door: Any) -> None:
    odd = {"x_nothing": "we know", "x_forwarded_for": "' OR 1=1", "traceparent": "nonsense", "content_type": "a/b"}

    assert post(door.client(Scope.FRAMES), encoded(SMALL), **odd).status_code == 200


def test_when_every_place_is_taken_the_next_is_told_to_come_back(door: Any) -> None:
    narrow = door.limited(waiting=1)
    client = narrow.client(Scope.FRAMES, Scope.PEOPLE)
    with narrow.parts.waiting.place():
        refused = [post(client, encoded(SMALL))]
        refused += [
            client.post(f"/api/v1/recognition/{path}", content=encoded(SMALL))
            for path in ("faces?subject=A", "recognize")
        ]

    assert [answer.status_code for answer in refused] == [429] * 3
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert post(client, encoded(SMALL)).status_code == 200


@settings(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP"]),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.floats(0.01, 1),
)
def test_no_damage_to_an_image_costs_an_error_or_an_event(
    door: Any, kind: str, damage: list[tuple[float, int]], cut: float
) -> None:
    content = bytearray(encoded(SMALL.convert("RGB"), kind))
    for place, value in damage:
        content[int(place * len(content))] = value
    before = len(events_of(door))

    answer = post(door.client(Scope.FRAMES), bytes(content[: int(len(content) * cut)]))

    assert answer.status_code in (200, 415, 422)
    assert len(events_of(door)) == before + (answer.status_code == 200)


@settings(max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | st.just(os.urandom(5000)))
def test_arbitrary_bytes_are_refused(door: Any, body: bytes) -> None:
    assert post(door.client(Scope.FRAMES), body).status_code in (415, 422)


def test_frames_are_counted_as_admitted_or_refused_and_bad_ones_not_at_all(door: Any) -> None:
    narrow = door.limited(waiting=1)
    client = narrow.client(Scope.FRAMES)
    for image in (encoded(SMALL), b"no image"):
        post(client, image)
    with narrow.parts.waiting.place():
        post(client, encoded(SMALL))

    (row,) = narrow.parts.load.changed()
    assert (sum(row.admitted), sum(row.refused)) == (1, 1)
