from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.routing import BaseRoute, Mount

from cluster.security.api_keys import KeysUnavailable, Scope
from cluster.security.keyring import Keyring
from serve_apps.api.problems import RecognizerUnavailable
from serve_apps.gallery.store import Gallery

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPEN = {"/api/health", "/api/ready", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"}
ENROLMENT = ("POST", "/api/v1/devices")
METHODS = ("get", "post", "put", "delete", "patch")
BODY = {"json": {"subject": "A", "ids": []}}


def walked(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        inside = getattr(route, "original_router", None)
        yield from walked(inside.routes) if inside is not None else [route]


def operations(door: Any) -> list[tuple[str, str]]:
    """Method and path, with the parameters filled in, of every route that is no mount."""
    return [
        (method, re.sub(r"\{[^}]*\}", "x", route.path))
        for route in walked(door.app.routes)
        if not isinstance(route, Mount)
        for method in sorted(route.methods)
    ]


def ask(client: Any, method: str, path: str) -> Any:
    return client.request(method, path, params={"subject": "A"}, headers={"x-camera-id": "a"})


def test_only_health_readiness_and_the_api_page_answer_without_a_key(door: Any) -> None:
    client = door.client()

    answers = {(method, path): ask(client, method, path) for method, path in operations(door)}

    assert answers.pop(ENROLMENT).status_code == 422  # a code takes the place of the key
    assert {path for (_, path), answer in answers.items() if answer.status_code != 401} == OPEN
    assert all(answers["GET", path].status_code == 200 for path in OPEN)
    assert len(answers) > 20


def test_nothing_is_mounted_but_the_pages_static_files(door: Any) -> None:
    mounts = [route.path for route in walked(door.app.routes) if isinstance(route, Mount)]

    assert mounts == ["/static-offline-docs"]


def test_the_api_page_loads_nothing_from_elsewhere(door: Any) -> None:
    client = door.client()

    loaded = re.findall(r'(?:src|href)="([^"]+)"', client.get("/docs").text)

    assert loaded
    assert all(address.startswith("/") and client.get(address).status_code == 200 for address in loaded)


def scope_of(path: str) -> Scope | None:
    starts = {
        "frames": Scope.FRAMES,
        "devices/heartbeat": Scope.FRAMES,
        "devices/self": Scope.FRAMES,
        "events": Scope.EVENTS,
        "recognition": Scope.PEOPLE,
        "alerts": Scope.ALERTS,
    }
    return next((scope for word, scope in starts.items() if path.startswith(f"/api/v1/{word}")), None)


def test_a_key_opens_only_what_its_scope_covers(door: Any) -> None:
    asked = [(method, path) for method, path in operations(door) if path not in OPEN and not path.endswith("/stream")]
    asked.remove(ENROLMENT)
    clients = {scope: door.client(scope) for scope in Scope}

    for method, path in asked:
        forbidden = {scope for scope, client in clients.items() if ask(client, method, path).status_code == 403}
        assert forbidden == set(Scope) - {scope_of(path), Scope.ADMIN}, path


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b'{"subject": 1}', b""])
def test_a_body_is_not_looked_at_before_the_key(door: Any, content: bytes) -> None:
    as_json = {"Content-Type": "application/json"}

    answers = [
        door.client().request(method, f"/api/v1/recognition/{path}", content=content, headers=as_json)
        for method, path in (("POST", "subjects"), ("PUT", "subjects/A"), ("POST", "faces/delete"))
    ]

    assert [answer.status_code for answer in answers] == [401] * 3


def test_a_json_body_is_bounded_like_any_other(door: Any) -> None:
    answer = door.client(Scope.PEOPLE).post("/api/v1/recognition/subjects", content=b" " * 10_000_001)

    assert answer.status_code == 413


@pytest.mark.parametrize("presented", ["", "nonsense", "db_0123456789ab_" + "A" * 43, "ü" * 60])
def test_a_wrong_key_is_no_key(door: Any, presented: str) -> None:
    answer = door.client().get("/api/v1/events", headers={"X-API-Key": presented.encode("latin-1")})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("ApiKey")


def test_a_revoked_key_is_refused(door: Any) -> None:
    client = door.client(Scope.EVENTS)
    assert client.get("/api/v1/events").status_code == 200

    door.keys.revoke(door.keys.all()[0].id, NOW)

    answer = client.get("/api/v1/events")
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:doorbell:problem:key-not-valid")


def test_a_key_past_its_end_is_refused(door: Any) -> None:
    text = door.keys.create("old", frozenset({Scope.EVENTS}), NOW, NOW - timedelta(seconds=1))

    assert door.client().get("/api/v1/events", headers={"X-API-Key": text}).status_code == 401


def test_a_key_is_never_taken_from_the_address(door: Any) -> None:
    key = door.key(Scope.EVENTS)

    assert door.client().get("/api/v1/events", params={"X-API-Key": key, "api_key": key}).status_code == 401


# Problems


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/events/no-such-event", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/api/v1/events", 405),
        ("GET", "/api/v1/frames", 405),
        ("POST", "/api/health", 405),
        ("POST", "/api/v1/frames", 422),
        ("GET", "/api/v1/events?limit=0", 422),
        ("DELETE", "/api/v1/recognition/subjects/Nobody", 404),
    ],
)
def test_every_error_is_a_problem(door: Any, method: str, path: str, status: int) -> None:
    answer = door.client(Scope.ADMIN).request(method, path)

    problem = answer.json()
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem.keys() >= {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert problem["type"].startswith("urn:doorbell:problem:")


def test_a_method_that_is_not_allowed_names_those_that_are(door: Any) -> None:
    assert door.client(Scope.ADMIN).get("/api/v1/frames").headers["Allow"] == "POST"


def failing(door: Any, error: Exception) -> Any:
    """A client of an application whose keys cannot be checked because of `error`."""

    class Broken:
        def at_hand(self, _: str) -> bool:
            return True

        def __call__(self, *_: object) -> None:
            raise error

    object.__setattr__(door.parts, "keys", Broken())
    return door.client(Scope.ADMIN)


@pytest.mark.parametrize(
    "error",
    [KeysUnavailable("gone"), OperationalError("SELECT 1", {}, Exception("gone")), RecognizerUnavailable("blue")],
)
def test_what_may_pass_is_answered_with_when_to_come_back(door: Any, error: Exception) -> None:
    answer = failing(door, error).get("/api/v1/events")

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert "SELECT" not in answer.text


def test_an_unexpected_error_tells_nothing_of_its_inside(door: Any) -> None:
    answer = failing(door, ZeroDivisionError("secret")).get("/api/v1/events")

    assert (answer.status_code, answer.json()["type"]) == (500, "urn:doorbell:problem:internal")
    assert "secret" not in answer.text


# Health


def test_health_says_the_process_lives_whatever_is_missing(door: Any) -> None:
    door.missing.append("the recognizer recognizer-blue does not answer")

    answer = door.client().get("/api/health")

    assert (answer.status_code, answer.json()["status"]) == (200, "alive")


def test_readiness_says_what_is_missing(door: Any) -> None:
    assert door.client().get("/api/ready").json() == {"ready": True}
    door.missing.append("the database does not answer")

    answer = door.client().get("/api/ready")

    assert (answer.status_code, answer.json()["detail"]) == (503, "the database does not answer")
    assert "Retry-After" in answer.headers


def not_ready(door: Any) -> str:
    answer = door.client().get("/api/ready")
    assert answer.status_code == 503, answer.text
    return str(answer.json()["detail"])


def test_a_gateway_whose_database_file_was_removed_is_not_ready(door: Any) -> None:
    Path(door.parts.gallery.database.url.database).unlink()
    assert not_ready(door) == "the database's file is gone"


def test_a_gateway_on_a_full_disk_is_not_ready(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("serve_apps.api.readiness.os.fsync", full)
    assert not_ready(door) == "the disk is full: nothing can be recorded"


def test_a_gateway_without_the_keyring_is_not_ready(door: Any) -> None:
    door.enrol_samples()
    keyring = Path(door.parts.gallery.keyring.database.url.database)
    with door.parts.gallery.keyring.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM person_keys")
    people = len(door.parts.gallery.people())
    assert not_ready(door) == f"the keyring is lost: {people} of {people} people have no key that opens"
    keyring.unlink()
    assert not_ready(door) == "the keyring's file is gone"


def test_a_gateway_with_another_master_key_is_not_ready(door: Any) -> None:
    door.enrol_samples()
    gallery = door.parts.gallery
    other = Gallery(gallery.database, Keyring(gallery.keyring.database, bytes([1] * 32)), gallery.crops)
    assert "the keyring is lost" in not_ready(replace(door, parts=replace(door.parts, gallery=other)))
