from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.deployment.cameras import Mark, compared, usual
from cluster.deployment.colours import Deployed, State
from cluster.deployment.drift import Compared
from cluster.deployment.visits import Bin
from cluster.security.api_keys import Scope
from samples.frames import PHOTOS
from serve_apps.events import store
from serve_apps.events.failures import FailedTry, Failures
from serve_apps.faces import Box, Frame, Identity, Recognition, Standing, Trigger

STRANGER = (PHOTOS / "stranger-1.jpg").read_bytes()
OBSERVATIONS = "/api/v1/releases/observations"
CAMERAS = "/api/v1/releases/observations/cameras"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_face(distance: float, person: str | None = None) -> Identity:
    standing = Standing.UNKNOWN if person is None else Standing.KNOWN
    return Identity(Box(1, 2, 3, 4), 0.9, 0.8, standing, person, distance, None)


@pytest.fixture
def person(door: Any) -> str:
    return door.parts.gallery.add_person("Resident", Standing.KNOWN, NOW).id


def decide(
    door: Any,
    release: str,
    *faces: Identity,
    ms: float | None = 10.0,
    count: int = 1,
    camera: str = "front-door",
    at: datetime = NOW,
) -> None:
    """Events as the pipeline writes them."""
    with door.parts.pipeline.engine.begin() as connection:
        for _ in range(count):
            frame = Frame(uuid.uuid4().hex, camera, at, at, Trigger.BUTTON, b"image")
            store.insert(connection, frame, Recognition(faces, release, ms))


def observed(door: Any, **wanted: Any) -> Any:
    answer = door.client(Scope.ADMIN).get(OBSERVATIONS, params=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_each_release_did_is_counted(door: Any, person: str) -> None:
    decide(door, "blue-1", a_face(0.3, person), a_face(0.7), ms=10.0)
    decide(door, "blue-1", a_face(0.4, person), ms=20.0)
    decide(door, "green-1", ms=None)

    assert observed(door) == {
        "releases": [
            {
                "release": "blue-1",
                "requests": 2,
                "looked_at": 2,
                "faces": 3,
                "unknown_faces": 1,
                "no_face": 0,
                "recognize_ms": [20.0, 10.0],
                "cameras": ["front-door", "front-door"],
                "distances": [0.4, 0.3],
            },
            {
                "release": "green-1",
                "requests": 1,
                "looked_at": 1,
                "faces": 0,
                "unknown_faces": 0,
                "no_face": 1,
                "recognize_ms": [],
                "cameras": [],
                "distances": [],
            },
        ],
        "failed_tries": {},
        "last_seq": 3,
        "last_failure": 0,
    }


def test_only_what_came_behind_the_last_answer_is_counted_again(door: Any) -> None:
    decide(door, "blue-1", count=3)
    before = observed(door)
    decide(door, "blue-1")

    assert observed(door, since_seq=before["last_seq"])["releases"][0]["requests"] == 1
    assert observed(door, since_seq=4)["releases"] == []


def test_of_many_events_the_newest_of_each_release_are_looked_at_and_all_are_counted(door: Any, person: str) -> None:
    for number in range(4):
        decide(door, "blue-1", a_face(number / 10, person), ms=float(number))

    decide(door, "green-1", a_face(0.5, person), ms=7.0, camera="back-door")

    blue, green = observed(door, limit=2)["releases"]

    assert (blue["requests"], blue["looked_at"], blue["faces"]) == (4, 2, 2)
    assert (blue["recognize_ms"], blue["distances"]) == ([3.0, 2.0], [0.3, 0.2])
    assert (green["requests"], green["recognize_ms"], green["cameras"]) == (1, [7.0], ["back-door"])


def test_what_came_before_a_mark_is_looked_at_by_itself(door: Any) -> None:
    decide(door, "blue-1", count=3, ms=1.0)
    decide(door, "blue-1", ms=2.0)
    decide(door, "green-1")

    before = observed(door, until_seq=3)

    assert [(seen["release"], seen["recognize_ms"]) for seen in before["releases"]] == [("blue-1", [1.0] * 3)]
    assert before["last_seq"] == 5


def binned(door: Any, **wanted: Any) -> Any:
    answer = door.client(Scope.ADMIN).get(CAMERAS, params=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()["bins"]


def test_the_faces_of_each_camera_are_counted_in_bins_of_time(door: Any, person: str) -> None:
    decide(door, "blue-1", a_face(0.3, person), a_face(0.7))
    decide(door, "blue-1", a_face(0.5, person), at=NOW + timedelta(seconds=9.9))
    decide(door, "blue-1", a_face(0.9), at=NOW + timedelta(seconds=10))
    decide(door, "green-1", a_face(0.2, person), camera="back-door")
    decide(door, "green-1")

    at = int(NOW.timestamp())
    assert binned(door) == [
        a_bin("green-1", "back-door", at, 1, 0, 0.2),
        a_bin("blue-1", "front-door", at + 10, 1, 1, None),
        a_bin("blue-1", "front-door", at, 3, 1, 0.4),
    ]


def a_bin(release: str, camera: str, at: int, faces: int, unknown: int, distance: float | None) -> dict[str, Any]:
    return {
        "release": release,
        "camera_id": camera,
        "at": at,
        "faces": faces,
        "unknown_faces": unknown,
        "distance": distance,
    }


def test_a_rollout_compares_what_came_before_one_mark_and_behind_another(door: Any, person: str) -> None:
    client = door.client(Scope.ADMIN)
    decide(door, "blue-1", a_face(0.29, person), count=3)
    decide(door, "green-1", a_face(0.7), count=2)
    decide(door, "green-1", a_face(0.7))
    state = State("blue", {"blue": Deployed("blue-1"), "green": Deployed("green-1")}, {"blue": 1})

    def asked(method: str, path: str, **options: Any) -> Any:
        return client.request(method, path, **options).raise_for_status().json()

    found = compared(asked, state, {"blue-1": 0.58, "green-1": 1.05}.get, "green-1", Mark(3, 0), Mark(5, 0), alone=True)

    at = int(NOW.timestamp())
    assert found == Compared(
        "blue-1",
        "green-1",
        [Bin("blue-1", "front-door", at, 3, 0, pytest.approx(0.29))],
        [Bin("green-1", "front-door", at, 1, 1, None)],
        {"blue-1": 0.58, "green-1": 1.05},
        alone=True,
    )


def test_what_is_usual_at_a_camera_is_what_the_live_release_took_there_before_a_mark(door: Any) -> None:
    client = door.client(Scope.ADMIN)
    decide(door, "blue-1", ms=20.0, count=20)
    decide(door, "blue-1", ms=50.0, count=20, camera="gate")
    decide(door, "green-1", ms=90.0, count=20, camera="gate")
    decide(door, "blue-1", ms=70.0, count=20, camera="gate")

    def asked(method: str, path: str, **options: Any) -> Any:
        return client.request(method, path, **options).raise_for_status().json()

    found = usual(asked, "blue-1", Mark(60, 0))

    assert found.of(["front-door", "gate", "new-camera"]) == [20.0, 50.0, 50.0]
    assert usual(asked, "blue-1", Mark(19, 0)).of(["front-door"]) == []
    assert usual(asked, "nobody-1", Mark(60, 0)).of(["front-door"]) == []


@pytest.mark.parametrize(
    ("wanted", "faces"),
    [
        ({}, 6),
        ({"since_seq": 2}, 4),
        ({"until_seq": 2}, 2),
        ({"until_seq": 5, "events": 2}, 2),
        ({"since_seq": 6}, 0),
        ({"since_seq": 5, "until_seq": 3}, 0),
        ({"seconds": 86400}, 6),
    ],
)
def test_bins_are_of_the_newest_events_of_a_range(door: Any, wanted: dict[str, int], faces: int) -> None:
    decide(door, "blue-1", a_face(0.7), count=6)
    assert sum(each["faces"] for each in binned(door, **wanted)) == faces


@pytest.mark.parametrize("wanted", [{"events": 0}, {"events": 20_001}, {"seconds": 0}, {"until_seq": -1}])
def test_wrong_bounds_of_bins_are_refused(door: Any, wanted: dict[str, int]) -> None:
    assert door.client(Scope.ADMIN).get(CAMERAS, params=wanted).status_code == 422


def test_failed_tries_are_counted_by_application(door: Any) -> None:
    failures = Failures(door.parts.pipeline.engine, lambda write: write())
    for application in ("recognizer-green", "recognizer-green", "recognizer-blue"):
        failures.note(FailedTry(NOW, application, None, None, "TimeoutError"))

    assert observed(door)["failed_tries"] == {"recognizer-green": 2, "recognizer-blue": 1}
    assert observed(door, since_failure=2) == {
        "releases": [],
        "failed_tries": {"recognizer-blue": 1},
        "last_seq": 0,
        "last_failure": 3,
    }


@pytest.mark.parametrize(
    "wanted", [{"since_seq": -1}, {"since_seq": 10**18}, {"limit": 0}, {"limit": 5001}, {"until_seq": -1}]
)
def test_wrong_bounds_are_refused(door: Any, wanted: dict[str, int]) -> None:
    assert door.client(Scope.ADMIN).get(OBSERVATIONS, params=wanted).status_code == 422


@pytest.mark.parametrize("path", [OBSERVATIONS, CAMERAS])
def test_other_keys_may_not_see_them(door: Any, path: str) -> None:
    assert door.client(Scope.EVENTS).get(path).status_code == 403


def test_events_are_found_by_the_release_that_decided(door: Any) -> None:
    decide(door, "blue-1", count=2)
    decide(door, "green-1")

    answer = door.client(Scope.EVENTS).get("/api/v1/events", params={"release": "green-1"}).json()

    assert [event["release"] for event in answer["events"]] == ["green-1"]


def test_the_time_that_recognition_took_is_kept_with_the_event(door: Any) -> None:
    async def timed(frame: Frame, version: int) -> Recognition:
        return Recognition((), "blue-1", 12.5)

    parts = dataclasses.replace(door.parts, pipeline=dataclasses.replace(door.parts.pipeline, recognize=timed))
    client = dataclasses.replace(door, parts=parts).client(Scope.ADMIN)
    client.post("/api/v1/frames", content=STRANGER, headers={"X-Camera-Id": "front-door"})

    (seen,) = observed(door)["releases"]
    assert seen["recognize_ms"] == [12.5]


def test_a_photograph_shows_which_release_answers_and_makes_no_event(door: Any) -> None:
    answer = door.client(Scope.ADMIN).post("/api/v1/releases/answer", content=STRANGER)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"release": "release-1", "faces": 1}
    assert door.parts.events.last_seq() == 0
    assert door.client(Scope.FRAMES).post("/api/v1/releases/answer", content=STRANGER).status_code == 403
    assert door.client(Scope.ADMIN).post("/api/v1/releases/answer", content=b"no image").status_code in (415, 422)
