from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from edge.camera import Frame, new_frame_id
from edge.errors import KeyUnusable
from edge.upload.addresses import Addresses
from edge.upload.clock import ClusterClock, boot_s
from edge.upload.connection import Connection
from edge.upload.heartbeat import Heartbeat

VITALS = {"version": "1", "cameras": [{"id": "door", "state": "well"}], "uptime_seconds": 5.0}
ALIVE = httpx.Response(200, json={"time": "2026-03-01T12:00:00.250Z", "device": {"id": "1", "name": "door"}})


class Chest:
    def __init__(self, *answers: httpx.Response | Exception, key: Any = "secret", vitals: Any = VITALS) -> None:
        self.asked, self.clock, self._answers = [], ClusterClock("this boot"), list(answers)
        connection = Connection(Addresses(["http://127.0.0.1"]), transport=httpx.MockTransport(self._answer))
        told = lambda given: lambda: _raised(given) if isinstance(given, Exception) else given  # noqa: E731
        self.heartbeat = Heartbeat(connection, told(key), told(vitals), self.clock, 30.0, chance=lambda: 0.0)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0)
        return _raised(answer) if isinstance(answer, Exception) else answer


def _raised(error: Exception) -> Any:
    raise error


def test_a_beat_tells_the_vitals_and_the_clock_of_the_box() -> None:
    chest = Chest(ALIVE)
    before = datetime.now(UTC)
    pause_s = chest.heartbeat.beat()

    (request,) = chest.asked
    told = json.loads(request.content)
    assert (request.method, request.url.path, request.headers["X-API-Key"]) == (
        "POST",
        "/api/v1/devices/heartbeat",
        "secret",
    )
    assert told | VITALS == told
    assert told["every_seconds"] == 30.0
    assert abs((datetime.fromisoformat(told["clock"]) - before).total_seconds()) < 60
    assert pause_s == pytest.approx(27.0)
    assert chest.heartbeat.trouble is None


def test_the_answer_tells_the_clusters_time() -> None:
    chest = Chest(ALIVE)
    chest.heartbeat.beat()
    at = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    frame = Frame(new_frame_id(), "door", at, "button", b"", "image/jpeg", boot_id="this boot", boot_s=boot_s())

    offset_s, uncertainty_s = chest.clock.correction_s(frame)
    assert abs(offset_s) < 60
    assert uncertainty_s < 60


@pytest.mark.parametrize(
    ("bad", "trouble"),
    [
        (httpx.ConnectError("no route"), "no answer"),
        (httpx.Response(401, json={}), "status 401"),
        (httpx.Response(200, html="<html>"), "the answer is not a heartbeat's"),
        (httpx.Response(200, json={"time": "soon"}), "the answer is not a heartbeat's"),
        (httpx.Response(200, json={"time": "2026-03-01T12:00:00"}), "the answer is not a heartbeat's"),
        (httpx.Response(200, json={"time": 5}), "the answer is not a heartbeat's"),
    ],
)
def test_a_failure_is_told_once_and_its_end_too(
    capsys: pytest.CaptureFixture[str], bad: httpx.Response | Exception, trouble: str
) -> None:
    chest = Chest(bad, bad, ALIVE)
    assert [chest.heartbeat.beat(), chest.heartbeat.beat()] == [27.0, 27.0]
    assert chest.heartbeat.trouble == trouble
    chest.heartbeat.beat()

    log = capsys.readouterr().out
    assert log.count("heartbeat.failed") == 1
    assert log.count("heartbeat.heard_again") == 1
    assert "secret" not in log


def test_a_cluster_that_knows_no_heartbeats_is_asked_every_hour() -> None:
    assert Chest(httpx.Response(404)).heartbeat.beat() == 3600.0


def test_without_a_key_nothing_is_asked() -> None:
    chest = Chest(key=KeyUnusable("there is no key", "set it"))

    assert chest.heartbeat.beat() == 27.0
    assert chest.asked == []


def test_vitals_that_cannot_be_had_do_not_end_the_thread() -> None:
    chest = Chest(vitals=OSError("no disk"))
    chest.heartbeat.start()
    while chest.heartbeat.trouble != "OSError":
        time.sleep(0.001)
    assert chest.heartbeat._thread.is_alive()
    chest.heartbeat.close()

    assert not chest.heartbeat._thread.is_alive()
