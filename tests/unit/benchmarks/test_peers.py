from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from fastapi.testclient import TestClient

from benchmarks.child import MeasurementFailed
from benchmarks.peers import race
from benchmarks.peers.fastapi_app import application
from benchmarks.peers.known import WithFaceRecognition
from benchmarks.run import Counted, Run, Spent, Target, frames, summary
from samples.frames import FRAMES

OURS = summary(
    Counted(10.0, 0.1, [20.0] * 800, {"200": 800}, [100] * 8), Spent({"gateway": 16.0}, load=0.1, idle=1.0, all=20.0)
)


@pytest.fixture(scope="module")
def known() -> WithFaceRecognition:
    return WithFaceRecognition()


@pytest.mark.parametrize("name", ["resident-other-photo", "two-known", "stranger", "nobody"])
def test_the_package_names_who_is_on_a_frame(known: WithFaceRecognition, name: str) -> None:
    number = next(index for index, frame in enumerate(FRAMES) if frame.name == name)
    strangers = ["unknown"] if name == "stranger" else []

    assert sorted(known.names(io.BytesIO(frames()[number]))) == sorted([*FRAMES[number].who, *strangers])


def test_the_form_that_is_posted_is_one_that_fastapi_reads() -> None:
    body = race.multipart(frames()[race.KNOWN_FRAME])

    headers = {"Content-Type": f"multipart/form-data; boundary={race.BOUNDARY}"}
    answer = TestClient(application()).post("/recognize", content=body, headers=headers)

    assert answer.json() == {"names": ["Resident"]}


def test_the_ratio_is_of_frames_by_cpu_second() -> None:
    theirs = replace(OURS, requests_per_second=8.0, cpu_seconds_per_frame=0.2)

    found = race.result("FastAPI", OURS, theirs)

    assert (found.frames_per_cpu_second, found.ratio) == (5.0, 10.0)


def test_a_peer_that_loses_connections_is_not_compared() -> None:
    with pytest.raises(MeasurementFailed, match="ConnectionResetError"):
        race.result("FastAPI", OURS, replace(OURS, errors=18, statuses={"200": 61, "ConnectionResetError": 18}))


@pytest.mark.parametrize("named", [["Courier"], [], ["Resident", "unknown"]])
def test_a_peer_that_takes_the_resident_for_somebody_else_is_no_peer(
    monkeypatch: pytest.MonkeyPatch, named: list[str]
) -> None:
    def post(url: str, **_: object) -> httpx.Response:
        return httpx.Response(200, json={"names": named}, request=httpx.Request("POST", url))

    monkeypatch.setattr(httpx, "post", post)

    with pytest.raises(MeasurementFailed, match="takes Resident on resident-other-photo for"):
        race.check("peer", Target("http://127.0.0.1:1/", {}, [b""] * len(FRAMES)))


def test_nothing_that_our_launcher_tells_ray_reaches_a_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, str]] = []

    @contextmanager
    def start(environment: race.Variables) -> Iterator[Target]:
        given.append(dict(environment))
        yield Target("", {}, [])

    def ran(*_: object) -> Run:
        return OURS

    monkeypatch.setattr(race, "peers", lambda: (race.Peer("peer", start),))
    monkeypatch.setattr(race, "check", lambda *_: None)
    monkeypatch.setattr(race, "run", ran)
    monkeypatch.setattr(race, "end_descendants", lambda: None)

    race.race(OURS, 1.0, {"RAY_SERVE_ENABLE_HA_PROXY": "1", "LANG": "C"}, lambda _: None)

    assert given == [{"LANG": "C"}]
