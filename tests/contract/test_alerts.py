from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.security.alerts import AlertStore
from cluster.security.api_keys import Scope
from cluster.security.audit import newest

ALERTS = "/api/v1/alerts"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def an_alert(fingerprint: str = "c2a1e5b7f0d93846", status: str = "firing", **labels: str) -> dict[str, Any]:
    """As Alertmanager 0.27 sends one."""
    return {
        "status": status,
        "labels": {"alertname": "DoorsUnanswered", "severity": "page", "doorbell_action": "rollback"} | labels,
        "annotations": {"summary": "4 of 9 doors\nare not answered", "runbook_url": "https://runbooks.example/doors"},
        "startsAt": "2026-03-01T11:59:30.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph?g0.expr=up",
        "fingerprint": fingerprint,
    }


def a_message(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="DoorsUnanswered"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "doorbell",
        "groupLabels": {"alertname": "DoorsUnanswered"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": list(alerts),
    }


def test_alertmanager_may_show_its_key_as_a_bearer_token(door: Any) -> None:
    client = door.client(Scope.ALERTS)
    key = client.headers.pop("X-API-Key")

    answers = [
        client.post(ALERTS, json=a_message(), headers={"Authorization": f"Bearer {said}"}) for said in (key, "x")
    ]

    assert [answer.status_code for answer in answers] == [200, 401]


def test_alerts_that_ask_for_a_rollback_are_kept_and_the_others_counted(door: Any) -> None:
    client = door.client(Scope.ALERTS)
    plain = an_alert("2")
    del plain["labels"]["doorbell_action"]
    sent = a_message(an_alert("1"), plain, an_alert("3", doorbell_action="page"), an_alert("4", status="resolved"))

    answers = [client.post(ALERTS, json=sent) for _ in range(2)]

    ignored = {"resolved": 1, "without_action": 2}
    assert [answer.json() for answer in answers] == [
        {"kept": 1, "known": 0} | ignored,
        {"kept": 0, "known": 1} | ignored,
    ]
    engine = door.parts.pipeline.engine
    found = AlertStore(engine).first_since(NOW - timedelta(minutes=1))
    assert str(found) == "alert DoorsUnanswered: 4 of 9 doors are not answered"
    assert newest(engine, 1)[0].action == "alert.kept"


@pytest.mark.parametrize("scope", [Scope.FRAMES, Scope.PEOPLE, Scope.EVENTS])
def test_the_scope_is_its_own(door: Any, scope: Scope) -> None:
    assert door.client(scope).post(ALERTS, json=a_message(an_alert())).status_code == 403
    assert door.client(Scope.ALERTS).get("/api/v1/events").status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "3"},
        {"alerts": [an_alert() | {"startsAt": "yesterday"}]},
        {"alerts": [an_alert() | {"fingerprint": "a b"}]},
        {"alerts": [an_alert()] * 1001},
        {"alerts": [an_alert(**{f"l{n}": "" for n in range(100)})]},
    ],
)
def test_what_is_no_message_of_alertmanagers_is_refused(door: Any, wrong: dict[str, Any]) -> None:
    answer = door.client(Scope.ALERTS).post(ALERTS, json=a_message() | wrong)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:doorbell:problem:invalid-request")


def test_a_message_that_is_too_large_is_refused(door: Any) -> None:
    assert door.client(Scope.ALERTS).post(ALERTS, content=b" " * 1_000_001).status_code == 413


def test_who_changed_the_people_is_in_the_audit_trail_without_their_names(door: Any) -> None:
    client, path = door.client(Scope.PEOPLE), "/api/v1/recognition/subjects"
    client.post(path, json={"subject": "Ada"})
    client.put(f"{path}/Ada", json={"subject": "Ada Lovelace"})
    person = door.parts.gallery.person("Ada Lovelace").id
    client.delete(f"{path}/Ada Lovelace")

    made, *rows = newest(door.parts.pipeline.engine, 9)

    assert [(row.action, row.object) for row in rows] == [
        (f"person.{did}", person) for did in ("added", "changed", "erased")
    ]
    assert {row.actor for row in rows} == {f"key {made.object}"}
    assert "Ada" not in str(rows)
