from __future__ import annotations

import dataclasses
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.security.api_keys import Scope
from samples.frames import PHOTOS

DEVICES = "/api/v1/devices"
HEARTBEAT = f"{DEVICES}/heartbeat"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STRANGER = (PHOTOS / "stranger-1.jpg").read_bytes()
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
VITALS: dict[str, Any] = {
    "version": "0.1.0",
    "cameras": [{"id": "front", "state": "well"}, {"id": "back", "state": "black"}],
    "spool": {"frames": 3, "bytes": 123_456, "oldest_seconds": 42.5},
    "dropped": {"too_old": 2},
    "uptime_seconds": 86_400.25,
    "clock": "2026-03-01T11:59:30+00:00",
    "temperature_celsius": 48.2,
}


def code(door: Any, minutes: int = 60) -> str:
    return door.parts.codes.issue("porch", NOW, NOW + timedelta(minutes=minutes))


def listed(door: Any) -> list[dict[str, Any]]:
    return door.client(Scope.ADMIN).get(DEVICES).json()["devices"]


# Enrolment


def test_a_code_gives_a_key_that_may_post_frames_and_nothing_else(door: Any) -> None:
    answer = door.client().post(DEVICES, json={"code": code(door)})

    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json().keys() == {"id", "name", "key"}
    with_key = {"headers": {"X-API-Key": answer.json()["key"]}}
    frame = {"headers": with_key["headers"] | {"X-Camera-Id": "front"}, "content": STRANGER}
    assert door.client().post("/api/v1/frames", **frame).status_code == 200
    assert door.client().get("/api/v1/events", **with_key).status_code == 403
    assert door.client().get(DEVICES, **with_key).status_code == 403
    (device,) = listed(door)
    assert (device["id"], device["name"], device["state"]) == (answer.json()["id"], "porch", "never seen")


def test_a_code_is_read_as_people_type_it(door: Any) -> None:
    typed = code(door).replace("-", " ").replace("0", "o").replace("1", "l").lower()

    assert door.client().post(DEVICES, json={"code": typed}).status_code == 201


def test_unknown_used_and_ended_codes_are_answered_alike(door: Any) -> None:
    used = code(door)
    door.client().post(DEVICES, json={"code": used})
    tried = [used, code(door, minutes=0), "0000-0000-0000-0000"]

    answers = [door.client().post(DEVICES, json={"code": each}) for each in tried]

    assert [answer.status_code for answer in answers] == [410] * 3
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["type"] == "urn:doorbell:problem:code-not-valid"
    assert len(listed(door)) == 1


def test_after_some_wrong_codes_none_is_heard_for_a_while(door: Any) -> None:
    client, good = door.client(), [code(door) for _ in range(2)]
    assert client.post(DEVICES, json={"code": good[0]}).status_code == 201

    wrong = [client.post(DEVICES, json={"code": "guess"}).status_code for _ in range(3)]
    late = client.post(DEVICES, json={"code": good[1]})

    assert wrong == [410] * 3
    assert late.status_code == 429
    assert int(late.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"{}", 422),
        (b'{"code": 1}', 422),
        (b'{"code": ""}', 422),
        (b'{"code": "\\u0000"}', 410),
        (json.dumps({"code": "A" * 101}).encode(), 422),
        (b" " * 1_001, 413),
    ],
)
def test_what_is_no_code_is_refused(door: Any, body: bytes, status: int) -> None:
    assert door.client().post(DEVICES, content=body).status_code == status


# Heartbeats


def test_a_heartbeat_is_answered_with_the_time_and_who_sent_it(door: Any) -> None:
    enrolled = door.client().post(DEVICES, json={"code": code(door)}).json()

    answer = door.client().post(HEARTBEAT, json=VITALS, headers={"X-API-Key": enrolled["key"]})

    assert answer.json() == {"time": "2026-03-01T12:00:00.000Z", "device": {"id": enrolled["id"], "name": "porch"}}


def test_a_device_may_ask_who_it_is_without_being_seen(door: Any) -> None:
    enrolled = door.client().post(DEVICES, json={"code": code(door)}).json()

    answer = door.client().get(f"{DEVICES}/self", headers={"X-API-Key": enrolled["key"]})

    assert answer.json() == {"time": "2026-03-01T12:00:00.000Z", "device": {"id": enrolled["id"], "name": "porch"}}
    assert [device["state"] for device in listed(door)] == ["never seen"]


def test_the_list_says_what_the_last_heartbeat_said(door: Any) -> None:
    client = door.client(Scope.FRAMES)
    client.post(HEARTBEAT, json=VITALS | {"version": "0.0.9"})
    client.post(HEARTBEAT, json=VITALS)

    (device,) = listed(door)

    said = {name: VITALS[name] for name in VITALS if name != "clock"}
    assert said.items() <= device.items()
    assert (device["name"], device["state"], device["last_seen"]) == ("test", "well", "2026-03-01T12:00:00Z")
    assert device["clock_offset_seconds"] == 30.0


def test_a_revoked_device_is_shown_as_such(door: Any) -> None:
    client = door.client(Scope.FRAMES)
    client.post(HEARTBEAT, json=VITALS)
    door.keys.revoke(listed(door)[0]["id"], NOW)

    assert client.post(HEARTBEAT, json=VITALS).status_code == 401
    assert listed(door)[0]["state"] == "revoked"


def test_members_of_a_newer_agent_are_ignored(door: Any) -> None:
    assert door.client(Scope.FRAMES).post(HEARTBEAT, json=VITALS | {"mood": "good"}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"version": ""},
        {"version": "v" * 65},
        {"version": "a\nb"},
        {"cameras": [{"id": f"camera-{number}", "state": "well"} for number in range(65)]},
        {"cameras": [{"id": "a/b", "state": "well"}]},
        {"cameras": [{"id": "front", "state": "asleep"}]},
        {"spool": {"frames": -1, "bytes": 0, "oldest_seconds": None}},
        {"spool": {"frames": 10**16, "bytes": 0, "oldest_seconds": None}},
        {"spool": {}},
        {"dropped": {f"reason-{number}": 1 for number in range(33)}},
        {"dropped": {"r" * 65: 1}},
        {"dropped": {"": 1}},
        {"uptime_seconds": -1},
        {"clock": "2026-03-01T12:00:00"},
        {"clock": "yesterday"},
        {"temperature_celsius": 1e9},
        {"every_seconds": 0},
    ],
)
def test_a_heartbeat_out_of_its_form_is_refused_and_changes_nothing(door: Any, change: dict[str, Any]) -> None:
    answer = door.client(Scope.FRAMES).post(HEARTBEAT, json=VITALS | change)

    assert answer.status_code == 422
    assert listed(door) == []


def test_a_number_that_is_none_is_refused(door: Any) -> None:
    text = json.dumps(VITALS).replace("86400.25", "1e999").encode()

    assert door.client(Scope.FRAMES).post(HEARTBEAT, content=text).status_code == 422


def test_a_heartbeat_is_bounded(door: Any) -> None:
    assert door.client(Scope.FRAMES).post(HEARTBEAT, content=b" " * 16_001).status_code == 413


# What a frame says of its clock and its trace


def post(client: Any, **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/api/v1/frames", content=STRANGER, headers={"X-Camera-Id": "front"} | given)


def test_the_clock_offset_corrects_the_capture_time_and_stays_with_the_event(door: Any) -> None:
    client = door.client(Scope.FRAMES, Scope.EVENTS)

    answer = post(client, x_captured_at="2025-03-01T11:59:58Z", x_clock_offset="31536000.250").json()

    assert answer["captured_at"] == "2026-03-01T11:59:58.250000Z"
    assert answer["clock_offset_seconds"] == 31_536_000.25
    assert client.get(f"/api/v1/events/{answer['id']}").json()["clock_offset_seconds"] == 31_536_000.25


def test_the_same_frame_with_another_offset_is_the_first_event(door: Any) -> None:
    client, same = door.client(Scope.FRAMES), {"idempotency_key": "frame-1", "x_captured_at": "2026-03-01T11:00:00Z"}
    first = post(client, x_clock_offset="10", **same)

    again = post(client, x_clock_offset="11.5", **same)

    assert again.json() == first.json() | {"replayed": True}


def test_an_offset_without_a_capture_time_corrects_nothing(door: Any) -> None:
    answer = post(door.client(Scope.FRAMES), x_clock_offset="3600").json()

    assert (answer["captured_at"], answer["clock_offset_seconds"]) == ("2026-03-01T12:00:00Z", None)


@pytest.mark.parametrize("offset", ["nan", "inf", "-inf", "x", "", "3162240001", "-3162240001", "1e400"])
def test_an_offset_that_cannot_be_is_refused(door: Any, offset: str) -> None:
    answer = post(door.client(Scope.FRAMES), x_captured_at="2026-03-01T11:00:00Z", x_clock_offset=offset)

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:doorbell:problem:invalid-request")


def test_an_offset_that_leaves_the_calendar_is_refused(door: Any) -> None:
    answer = post(door.client(Scope.FRAMES), x_captured_at="9999-12-31T23:59:59Z", x_clock_offset="5")

    assert answer.status_code == 422
    assert "x-clock-offset" in answer.json()["detail"]


def test_the_trace_stays_with_the_event(door: Any) -> None:
    client = door.client(Scope.FRAMES, Scope.EVENTS)

    answer = post(client, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01").json()

    assert answer["trace_id"] == TRACE
    assert client.get("/api/v1/events").json()["events"][0]["trace_id"] == TRACE


def test_an_invalid_trace_is_ignored(door: Any) -> None:
    answer = post(door.client(Scope.FRAMES), traceparent=f"00-{TRACE}-0000000000000000-01")

    assert (answer.status_code, answer.json()["trace_id"]) == (200, None)


def test_the_log_says_which_trace_failed(door: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    pipeline = dataclasses.replace(door.parts.pipeline, recognize=broken)
    failing = dataclasses.replace(door, parts=dataclasses.replace(door.parts, pipeline=pipeline))
    with caplog.at_level(logging.ERROR):
        post(failing.client(Scope.FRAMES), traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")

    assert f"trace={TRACE}" in caplog.text
