from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from edge.camera import Frame
from edge.errors import EdgeError, KeyRefused, Refused, SpoolBusy, TryLater
from edge.listener import Listener
from edge.spool.queue import Spool
from edge.spool.set_aside import listed
from edge.upload.addresses import Addresses
from edge.upload.backoff import Backoff
from edge.upload.clock import boot_clock
from edge.upload.connection import Connection
from edge.upload.gateway import Gateway
from edge.upload.order import BEHIND_AFTER, POISON_S
from edge.upload.uploader import UNANSWERED_AFTER, Uploader

FrameMaker = Callable[..., Frame]
Answer = httpx.Response | Exception | None

HOTSPOT = httpx.Response(200, html="<html>please sign in</html>")
BUSY = httpx.Response(503)


class Heard(Listener):
    """Remembers what the uploader told."""

    def __init__(self) -> None:
        self.answers, self.refusals, self.waits = [], [], []

    def answered(self, frame: Frame, event: dict[str, Any], milliseconds: float) -> None:
        self.answers.append((frame.label, milliseconds))

    def refused(self, frame: Frame, problem: dict[str, Any]) -> None:
        self.refusals.append((frame.label, problem))

    def waiting(self, frame: Frame, problem: dict[str, Any], pause_s: float) -> None:
        self.waits.append((problem, pause_s))


class Door:
    """An uploader on a spool, before a gateway that gives the answers in the list and then events.

    `sick` names the frames, by their label, that the gateway never digests, and how it answers them.
    """

    def __init__(self, folder: Path, answers: Sequence[Answer] = (), **options: Any) -> None:
        self.sent, self.heard, self.now_s, self.stop = [], Heard(), 1000.0, Event()
        # Not a look every 0.1 s, or a day would be long.
        self.step_s = 0.25
        self.sick: dict[str, Answer] = {}
        self._answers, self._labels = list(answers), {}
        self.spool = Spool(folder, clock=lambda: self.now_s)
        transport = httpx.MockTransport(self._answer)
        gateway = Gateway(Connection(Addresses(["http://127.0.0.1"]), transport=transport), lambda: "secret")
        options = {"chance": lambda: 0.5, "backoff": Backoff(1.0, 60.0, 45.0)} | options
        self.uploader = Uploader(
            gateway, self.spool, self.heard, sleep=self._sleep, clock=lambda: self.now_s, **options
        )

    def take(self, *frames: Frame) -> None:
        for frame in frames:
            self._labels[frame.frame_id] = frame.label
            self.spool.take(frame, self.now_s)

    def drain(self, for_s: float = 1e9) -> None:
        self._until_s = self.now_s + for_s
        self.stop.clear()
        self.uploader.drain(self.stop)

    def _sleep(self, stop: Event, seconds: float) -> None:
        self.now_s += max(seconds, self.step_s)
        if self.now_s >= self._until_s:
            stop.set()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        frame_id = request.headers["Idempotency-Key"]
        label = self._labels[frame_id]
        self.sent.append(label)
        answer = self.sick.get(label) or (self._answers.pop(0) if self._answers else None)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.read())
        return httpx.Response(200, json={"id": "e1", "frame_id": frame_id, "verdict": "known"})

    @property
    def answered(self) -> list[str]:
        return [label for label, _ in self.heard.answers]


@pytest.fixture
def at(a_frame: FrameMaker) -> FrameMaker:
    def make(label: str, camera: str = "front-door") -> Frame:
        return replace(a_frame(label=label), camera_id=camera)

    return make


def test_everything_that_waits_is_sent_in_order_and_forgotten(tmp_path: Path, at: FrameMaker) -> None:
    door = Door(tmp_path)
    door.take(at("0"), at("1"), at("2"))
    door.drain()

    assert door.answered == door.sent == ["0", "1", "2"]
    assert len(door.spool) == 0


def test_milliseconds_run_from_the_capture_to_the_answer(tmp_path: Path, at: FrameMaker) -> None:
    door = Door(tmp_path)
    door.take(at("0"))
    door.now_s += 0.25
    door.drain()

    assert door.heard.answers == [("0", 250.0)]


def test_a_frame_of_an_earlier_process_is_timed_by_the_boot_clock(tmp_path: Path, at: FrameMaker) -> None:
    boot_id, boot_s = boot_clock()
    with Door(tmp_path).spool as spool:
        spool.take(replace(at("0"), boot_id=boot_id, boot_s=boot_s - 60.0), 0.0)
    door = Door(tmp_path)
    (entry,) = door.spool.entries()
    door._labels[entry.frame_id] = "0"
    door.drain()

    assert 60_000 <= door.heard.answers[0][1] < 120_000


def test_a_frame_of_an_earlier_boot_is_timed_by_the_wall_clock(tmp_path: Path, at: FrameMaker) -> None:
    with Door(tmp_path).spool as spool:
        spool.take(frame := at("0"), 0.0)
    door = Door(tmp_path)
    door._labels[frame.frame_id] = "0"
    door.drain()

    elapsed_ms = (datetime.now(UTC) - frame.captured_at).total_seconds() * 1000
    assert 0 <= door.heard.answers[0][1] <= max(0, elapsed_ms)


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_a_lasting_refusal_sets_the_frame_aside_and_the_next_one_goes(
    tmp_path: Path, at: FrameMaker, status: int
) -> None:
    door = Door(tmp_path, [httpx.Response(status, json={"title": "no", "type": "/problems/no"})])
    door.take(at("bad"), at("good"))
    door.drain()

    ((label, problem),) = door.heard.refusals
    assert (label, problem["type"], problem["status"]) == ("bad", "/problems/no", status)
    assert door.answered == ["good"]
    assert [row["reason"] for row in listed(tmp_path / "refused")] == [problem]
    assert door.now_s == 1000.0


@pytest.mark.parametrize(
    "passing",
    [
        httpx.Response(429),
        httpx.Response(408),
        httpx.Response(425),
        httpx.Response(500),
        httpx.Response(503, html="<html>busy</html>"),
        httpx.Response(301, headers={"Location": "https://elsewhere.example/"}),
        httpx.Response(404),
        httpx.Response(204),
        httpx.Response(400, html="<html>a hotspot knows better</html>"),
        HOTSPOT,
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"id": "e", "frame_id": "of another frame"}),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("closed"),
    ],
)
def test_a_passing_failure_keeps_the_frame_and_tries_again(tmp_path: Path, at: FrameMaker, passing: Answer) -> None:
    door = Door(tmp_path, [passing])
    door.take(at("0"))
    door.drain()

    assert door.sent == ["0", "0"]
    assert door.answered == ["0"]
    assert len(door.heard.waits) == 1
    assert 1000.25 <= door.now_s <= 1001.0


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_keeps_the_frame_and_tries_again_slowly(tmp_path: Path, at: FrameMaker, status: int) -> None:
    door = Door(tmp_path, [httpx.Response(status), httpx.Response(status)])
    door.take(at("0"))
    door.drain()

    assert [(problem["status"], pause_s) for problem, pause_s in door.heard.waits] == [(status, 45.0), (status, 45.0)]
    assert 1090.0 <= door.now_s < 1091.0
    assert door.answered == ["0"]


def test_pauses_double_up_to_the_longest_and_start_anew_after_an_answer(tmp_path: Path, at: FrameMaker) -> None:
    answers = [BUSY, BUSY, BUSY, BUSY, None, BUSY]
    door = Door(tmp_path, answers, backoff=Backoff(1.0, 3.0), chance=lambda: 1.0)
    door.take(at("0"), at("1"))
    door.drain()

    assert [pause_s for _, pause_s in door.heard.waits] == [1.0, 2.0, 3.0, 3.0, 1.0]


def test_the_gateway_is_not_asked_again_before_its_retry_after(tmp_path: Path, at: FrameMaker) -> None:
    door = Door(tmp_path, [httpx.Response(503, headers={"Retry-After": "7"})])
    door.take(at("0"))
    door.drain(for_s=7.0)
    assert door.sent == ["0"]

    door.take(at("1"))
    door.drain(for_s=0.25)
    assert door.sent == ["0"]

    door.drain()
    assert [pause_s for _, pause_s in door.heard.waits] == [7.5]
    assert door.answered == ["0", "1"]


def test_a_new_frame_ends_the_pause_of_a_dead_network(tmp_path: Path, at: FrameMaker) -> None:
    door = Door(tmp_path, [httpx.ConnectError("no route")] * 1000)
    door.take(at("0"))
    door.drain(for_s=250.0)
    tries = len(door.sent)
    door._answers.clear()
    door.take(at("1"))
    door.drain(for_s=0.25)

    assert door.sent[tries:] == door.answered == ["0", "1"]


def test_a_stream_of_new_frames_does_not_hammer_a_dead_network(tmp_path: Path, at: FrameMaker) -> None:
    door = Door(tmp_path, [httpx.ConnectError("no route")] * 100, chance=lambda: 0.9)

    for number in range(50):
        door.take(at(str(number)))
        door.drain(for_s=0.1)

    # 50 frames in 12.5 seconds, and the first pause of this backoff is a second long.
    assert door.now_s == 1000.0 + 50 * door.step_s
    assert 10 <= len(door.sent) <= 14


def test_a_dead_network_changes_no_order(tmp_path: Path, at: FrameMaker) -> None:
    door = Door(tmp_path, [httpx.ConnectError("no route")] * 50)
    door.take(at("0"), at("1"), at("2", "gate"))
    door.drain()

    assert set(door.sent[:50]) == {"0"}
    assert door.answered == ["0", "1", "2"]


@pytest.mark.parametrize("answer", [httpx.Response(500), HOTSPOT, httpx.ReadError("reset")])
def test_a_frame_that_the_gateway_cannot_digest_holds_up_nobody_for_long(
    tmp_path: Path, at: FrameMaker, answer: Answer
) -> None:
    door = Door(tmp_path)
    door.sick["sick"] = answer
    door.take(at("sick"), at("1"), at("2", "gate"), at("3"))
    door.drain(for_s=300.0)

    assert sorted(door.answered) == ["1", "2", "3"]
    tries = BEHIND_AFTER if isinstance(answer, httpx.Response) else UNANSWERED_AFTER + BEHIND_AFTER
    assert door.sent.index("1") <= tries + 2
    assert [each.frame_id for each in door.spool.entries()] == [
        frame_id for frame_id, label in door._labels.items() if label == "sick"
    ]


def test_another_camera_goes_at_once(tmp_path: Path, at: FrameMaker) -> None:
    door = Door(tmp_path)
    door.sick["sick"] = httpx.Response(500)
    door.take(at("sick"), at("1"), at("2", "gate"))
    door.drain(for_s=0.1)

    assert door.sent == ["sick", "2"]


def test_a_poison_frame_is_set_aside_after_an_hour_in_which_others_went_through(tmp_path: Path, at: FrameMaker) -> None:
    door, number = Door(tmp_path), 0
    door.step_s = 10.0
    door.sick["sick"] = httpx.Response(500, json={"title": "a bug of ours"})
    door.take(at("sick"))
    while not door.heard.refusals and number < 2000:
        door.drain(for_s=120.0)
        door.take(at(str(number := number + 1)))

    ((label, problem),) = door.heard.refusals
    assert (label, problem["title"], problem["status"]) == ("sick", "given up", 500)
    assert "a bug of ours" in problem["detail"]
    assert door.now_s - 1000.0 >= POISON_S
    assert [row["reason"]["title"] for row in listed(tmp_path / "refused")] == ["given up"]


def test_a_day_behind_a_hotspot_costs_no_frame_and_at_most_one_place_in_the_order(
    tmp_path: Path, at: FrameMaker
) -> None:
    door = Door(tmp_path, [HOTSPOT] * 1511)
    door.step_s = 10.0
    door.take(*(at(f"{n:02d}") for n in range(20)))
    door.drain()

    assert door.heard.refusals == []
    assert door.now_s > 1000.0 + 12 * 3600
    first, *others = door.answered
    assert others == sorted(set(others))
    assert {first, *others} == {f"{n:02d}" for n in range(20)}


def test_with_newest_first_the_backlog_of_an_outage_comes_after_the_fresh(tmp_path: Path, at: FrameMaker) -> None:
    door = Door(tmp_path, newest_first_after_s=60.0)
    door.take(at("old 1"), at("old 2"))
    door.now_s += 3600.0
    door.take(at("new 1"), at("new 2"))
    door.drain()

    assert door.answered == ["new 1", "new 2", "old 2", "old 1"]


def test_an_impatient_uploader_gives_up_and_keeps_the_frame(tmp_path: Path, at: FrameMaker) -> None:
    door = Door(tmp_path, [httpx.Response(503, headers={"Retry-After": "60"})], patience_s=30.0)
    door.take(at("0"))
    door.drain()

    assert door.uploader.gave_up
    assert door.now_s == 1000.0
    assert len(door.spool) == 1


def test_a_stop_between_two_tries_leaves_the_frame_in_the_spool(tmp_path: Path, at: FrameMaker) -> None:
    door = Door(tmp_path, [BUSY])
    door.take(at("0"))
    door.drain(for_s=0.1)

    assert door.sent == ["0"]
    assert len(door.spool) == 1


def test_a_damaged_frame_is_passed_over(tmp_path: Path, at: FrameMaker) -> None:
    door = Door(tmp_path)
    door.take(at("0"), at("1"))
    door.spool.entries()[0].path.write_bytes(b"torn")
    door.drain()

    assert door.answered == ["1"]


@pytest.mark.parametrize(
    "error", [Refused({"status": 422}), KeyRefused({}), TryLater({"title": "busy"}, 3.0), SpoolBusy("what", "way out")]
)
def test_errors_survive_pickling(error: EdgeError) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), vars(copy)) == (type(error), vars(error))
