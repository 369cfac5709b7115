"""What the gateway counts of requests, with the real engine behind it."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cluster.monitoring.counted import CountedJourneys
from cluster.monitoring.journey import Journey
from cluster.monitoring.log_lines import JsonLines
from cluster.security.api_keys import Scope, id_of
from samples.frames import PHOTOS
from tests.noted import Noted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADERS = {"x-camera-id": "front", "idempotency-key": "frame-1", "x-trigger": "button"}
PHOTO = (PHOTOS / "resident-1.jpg").read_bytes()
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
IN_ORDER = ["admit", "lookup", "recognize", "decode", "detect", "align", "embed", "match", "record", "total"]


@pytest.fixture
def measured(door: Any) -> tuple[Any, Noted, list[Journey]]:
    noted, heard = Noted(), []
    finished = (heard.append, CountedJourneys(noted, UTC))
    return replace(door, parts=replace(door.parts, meter=noted, finished=finished)), noted, heard


def test_a_frame_is_timed_from_its_first_byte_to_its_answer_with_the_recognizers_own_stages(measured: Any) -> None:
    door, noted, heard = measured
    client = door.client(Scope.FRAMES)
    for _ in range(2):
        assert client.post("/api/v1/frames", content=PHOTO, headers=HEADERS | {"traceparent": PARENT}).is_success

    recorded, replayed = heard
    assert [stage.name for stage in recorded.stages] == IN_ORDER
    assert (recorded.status, replayed.status) == ("recorded", "replayed")
    assert (recorded.frame_id, recorded.camera_id, recorded.traceparent) == ("frame-1", "front", PARENT)
    total = recorded.stages[-1]
    assert all(total.began <= each.began + 1e-3 for each in recorded.stages)
    assert all(each.began + each.seconds <= total.began + total.seconds + 1e-3 for each in recorded.stages)
    assert noted.counted["doorbell_triggers_total", "button", "afternoon"] == 1
    assert noted.counted["face_recognition_requests_total", "unknown", "none"] == 1


def test_the_first_frame_after_an_enrolment_says_how_long_it_waited_for_it(measured: Any) -> None:
    door, noted, heard = measured
    door.enrol_samples()
    client = door.client(Scope.FRAMES)
    for frame_id in ("frame-1", "frame-2"):
        client.post("/api/v1/frames", content=PHOTO, headers=HEADERS | {"idempotency-key": frame_id})

    waited = [name for _, (name, *_) in noted.observed if name == "enrolment_freshness_seconds"]
    assert len(waited) <= 1  # an enrolment's own question may have brought the gallery up to date
    assert noted.counted["face_recognition_requests_total", "known", "high"] == 2
    assert heard[0].faces[0].standing == "known"


def test_refusals_are_counted_by_reason_and_by_what_was_asked_for(measured: Any) -> None:
    door, noted, heard = measured
    ended = door.key(Scope.FRAMES)
    door.keys.revoke(id_of(ended), NOW)
    wrong = f"db_{id_of(ended)}_{'x' * 43}"
    client = door.client()
    for key in ({}, {"x-api-key": ended}, {"x-api-key": wrong}, {"x-api-key": door.key(Scope.EVENTS)}):
        client.post("/api/v1/frames", content=PHOTO, headers=HEADERS | key)
    client.get("/api/v1/events")
    for _ in range(4):
        client.post("/api/v1/devices", json={"code": "WRONG"})

    counted = {key[1:]: times for key, times in noted.counted.items() if key[0] == "security_events_total"}
    assert counted == {
        ("key_missing", "frames", "refused"): 1,
        ("key_ended", "frames", "refused"): 1,
        ("key_unknown", "frames", "refused"): 1,
        ("scope_missing", "frames", "refused"): 1,
        ("key_missing", "events", "refused"): 1,
        ("code_unknown", "devices", "refused"): 3,
        ("guesses_refused", "devices", "refused"): 1,
    }
    assert (heard[0].status, heard[0].error) == ("refused", "key-missing")


def test_hostile_camera_names_reach_no_label(measured: Any) -> None:
    door, noted, _ = measured
    client = door.client(Scope.FRAMES)
    for number, camera in enumerate(("a\u00e9", 'x"} 1', "../../etc", "c" * 65, "front", "front.2")):
        said = HEADERS | {"x-camera-id": camera.encode(), "idempotency-key": f"f-{number}"}
        client.post("/api/v1/frames", content=PHOTO, headers=said)

    labels = {label for key in noted.counted for label in key[1:]}
    assert not any("front" in label or "x" in label for label in labels - {"unknown"})
    assert noted.counted["pipeline_events_total", "none", "refused", "none"] == 4


def test_an_unexpected_error_is_logged_with_the_frame_that_it_befell(measured: Any) -> None:
    door, _, _ = measured
    written, log = [], logging.getLogger("serve_apps.api.problems")
    catching = logging.Handler()
    catching.setFormatter(JsonLines(dict))
    catching.emit = lambda record: written.append(json.loads(catching.format(record)))  # type: ignore[method-assign]

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    log.addHandler(catching)
    try:
        pipeline = replace(door.parts.pipeline, recognize=broken)
        client = replace(door, parts=replace(door.parts, pipeline=pipeline)).client(Scope.FRAMES)
        answer = client.post("/api/v1/frames", content=PHOTO, headers=HEADERS | {"traceparent": PARENT})
    finally:
        log.removeHandler(catching)

    assert answer.status_code == 500
    (line,) = written
    assert (line["frame_id"], line["camera"], line["trace_id"]) == ("frame-1", "front", PARENT.split("-")[1])
    assert "ZeroDivisionError" in line["exception"]
